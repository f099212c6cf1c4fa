use half::{bf16, f16};
use safetensors::Dtype;

/// Decodes the numbers in `data` (F32, F16 or BF16) into `output`.
pub(super) fn decode_into(data: &[u8], element: Dtype, output: &mut [f32]) {
    match element {
        Dtype::F16 => decode(data, output, |bytes| f16::from_le_bytes(bytes).to_f32()),
        Dtype::BF16 => decode(data, output, |bytes| bf16::from_le_bytes(bytes).to_f32()),
        _ => decode(data, output, f32::from_le_bytes),
    }
}

fn decode<const BYTES: usize>(
    data: &[u8],
    output: &mut [f32],
    number: impl Fn([u8; BYTES]) -> f32,
) {
    for (output, bytes) in output.iter_mut().zip(data.as_chunks::<BYTES>().0) {
        *output = number(*bytes);
    }
}
