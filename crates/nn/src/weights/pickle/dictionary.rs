use std::{borrow::Cow, sync::Arc};

use safetensors::Dtype;

use super::machine::{Machine, TensorDescription, Value};
use crate::{Contents, PickleError, Result, Stored};

/// The file to read.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a, 'f> {
    pub(super) contents: &'a Arc<Contents>,
    /// Its path, for error messages.
    pub(super) file: &'f Arc<str>,
}

pub(super) type Tensors<'a> = Vec<(String, Stored<'a>)>;

/// Reads the tensors of the dictionary `root`; `storage` returns the bytes of the storage with a key.
pub(super) fn tensors<'a>(
    machine: &Machine<'a>,
    root: Value<'a>,
    origin: Origin<'a, '_>,
    mut storage: impl FnMut(&str) -> Result<&'a [u8], PickleError>,
) -> Result<Tensors<'a>, PickleError> {
    let mut tensors = Vec::new();
    // Many tensors can share one storage. All copies together must not exceed the file's size.
    let mut room = origin.contents.len();
    for (key, value) in dictionary(machine, root)? {
        if let (Value::Text(name), Some(place)) = (key, machine.tensor(*value)) {
            // `DataParallel` adds this prefix.
            let name = name.strip_prefix("module.").unwrap_or(name);
            if let Some(stored) = stored(name, place, origin, &mut storage)? {
                if let Cow::Owned(copy) = &stored.data {
                    room = room
                        .checked_sub(copy.len())
                        .ok_or(PickleError::TooManyCopies)?;
                }
                tensors.push((name.to_owned(), stored));
            }
        }
    }
    if tensors.is_empty() {
        Err(PickleError::NoTensors)
    } else {
        Ok(tensors)
    }
}

/// The dictionary of tensors: the file's value or, in a training checkpoint, its `state_dict`.
fn dictionary<'m, 'a>(
    machine: &'m Machine<'a>,
    root: Value<'a>,
) -> Result<&'m [(Value<'a>, Value<'a>)], PickleError> {
    let entries = machine.entries(root).ok_or(PickleError::NoTensors)?;
    let inner = entries
        .iter()
        .find(|(key, _)| *key == Value::Text("state_dict"));
    let inner = inner.and_then(|(_, value)| machine.entries(*value));
    Ok(inner.unwrap_or(entries))
}

/// The tensor described by `place`, or `None` if its element type occurs in no model.
fn stored<'a>(
    name: &str,
    place: &TensorDescription<'a>,
    origin: Origin<'a, '_>,
    storage: &mut impl FnMut(&str) -> Result<&'a [u8], PickleError>,
) -> Result<Option<Stored<'a>>, PickleError> {
    // ("storage", its class, its key, the device, the count of its numbers)
    let [_, Value::Global(_, class), Value::Text(key), ..] = place.storage[..] else {
        return Err(PickleError::Tensor);
    };
    let Some(element) = element(class) else {
        return Ok(None);
    };
    let data = elements(place, element.bitsize() / 8, storage(key)?);
    let data = data.ok_or_else(|| PickleError::Storage {
        name: name.to_owned(),
    })?;
    Ok(Some(Stored {
        file: Arc::clone(origin.file),
        owner: Arc::clone(origin.contents),
        element,
        shape: place.shape.clone(),
        data,
    }))
}

/// The element type of a storage class, or `None` if it occurs in no model.
pub(super) fn element(class: &str) -> Option<Dtype> {
    Some(match class {
        "FloatStorage" => Dtype::F32,
        "HalfStorage" => Dtype::F16,
        "BFloat16Storage" => Dtype::BF16,
        "DoubleStorage" => Dtype::F64,
        "LongStorage" => Dtype::I64,
        "IntStorage" => Dtype::I32,
        "ShortStorage" => Dtype::I16,
        "CharStorage" => Dtype::I8,
        "ByteStorage" => Dtype::U8,
        "BoolStorage" => Dtype::BOOL,
        _ => return None,
    })
}

/// The elements of the tensor at `place`, of `size` bytes each, in row-major order. `None` if some lie outside
/// `storage`.
fn elements<'a>(
    place: &TensorDescription<'a>,
    size: usize,
    storage: &'a [u8],
) -> Option<Cow<'a, [u8]>> {
    let TensorDescription {
        offset,
        shape,
        strides,
        ..
    } = place;
    if shape.len() != strides.len() {
        return None;
    }
    let count = shape
        .iter()
        .try_fold(1_usize, |count, &size| count.checked_mul(size))?;
    if count == 0 {
        return Some(Cow::Borrowed(&[]));
    }
    if is_row_major(shape, strides) {
        let start = offset.checked_mul(size)?;
        let end = count.checked_mul(size)?.checked_add(start)?;
        return storage.get(start..end).map(Cow::Borrowed);
    }
    // More elements than the storage holds means repeated numbers, which no learned tensor has.
    if count > storage.len() / size {
        return None;
    }
    let mut elements = Vec::with_capacity(count * size);
    let mut index = vec![0; shape.len()];
    for _ in 0..count {
        let mut steps = index.iter().zip(strides);
        let place = steps.try_fold(*offset, |place, (&index, &stride)| {
            place.checked_add(stride.checked_mul(index)?)
        })?;
        let start = place.checked_mul(size)?;
        elements.extend_from_slice(storage.get(start..start.checked_add(size)?)?);
        advance(&mut index, shape);
    }
    Some(Cow::Owned(elements))
}

fn is_row_major(shape: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1;
    shape.iter().zip(strides).rev().all(|(&size, &stride)| {
        let fits = size == 1 || stride == expected;
        expected *= size;
        fits
    })
}

/// Advances `index` in row-major order.
fn advance(index: &mut [usize], shape: &[usize]) {
    for (index, &size) in index.iter_mut().zip(shape).rev() {
        *index += 1;
        if *index < size {
            return;
        }
        *index = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(offset: usize, shape: &[usize], strides: &[usize], expected: Option<&[u8]>) {
        let place = TensorDescription {
            storage: Vec::new(),
            offset,
            shape: shape.to_vec(),
            strides: strides.to_vec(),
        };
        let found = elements(&place, 1, &[0, 1, 2, 3, 4, 5]);
        assert_eq!(found.as_deref(), expected);
    }

    #[test]
    fn elements_are_found_by_strides() {
        case(0, &[2, 3], &[3, 1], Some(&[0, 1, 2, 3, 4, 5]));
        case(1, &[5], &[1], Some(&[1, 2, 3, 4, 5]));
        case(0, &[3, 2], &[1, 3], Some(&[0, 3, 1, 4, 2, 5]));
        case(4, &[], &[], Some(&[4]));
        case(0, &[1, 2], &[7, 1], Some(&[0, 1]));
        case(0, &[0, 4], &[4, 1], Some(&[]));
    }

    #[test]
    fn elements_outside_the_storage_are_refused() {
        case(2, &[5], &[1], None);
        case(0, &[2, 3], &[9, 1], None);
        case(0, &[7], &[0], None);
        case(usize::MAX, &[2], &[1], None);
        case(0, &[usize::MAX, 2], &[2, 1], None);
        case(0, &[2, 2], &[usize::MAX, 1], None);
        case(0, &[2], &[], None);
    }
}
