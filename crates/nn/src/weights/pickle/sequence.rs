use std::collections::HashMap;

use super::{
    dictionary::{Origin, Tensors, element, tensors},
    machine::{Machine, TensorDescription, Value},
};
use crate::PickleError;

/// The first pickle, of protocol 2: PyTorch's magic number, an integer of 10 bytes.
const BEGINNING: [u8; 15] = [
    0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, b'.',
];

/// Whether the file has the format before PyTorch 1.6.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(&BEGINNING)
}

/// Reads a file in the format before PyTorch 1.6.
pub(super) fn read<'a>(origin: Origin<'a, '_>) -> Result<Tensors<'a>, PickleError> {
    let mut machine = Machine::new(&origin.contents[BEGINNING.len()..]);
    // The version of the format, and the machine that wrote the file.
    machine.load()?;
    let system = machine.load()?;
    let little = (Value::Text("little_endian"), Value::Integer(0));
    if machine
        .entries(system)
        .is_some_and(|entries| entries.contains(&little))
    {
        return Err(PickleError::BigEndian);
    }
    let root = machine.load()?;
    let keys = machine.load()?;
    let keys = machine.items(keys).ok_or(PickleError::Tensor)?;
    let storages = storages(keys, &machine.storage_classes(), machine.rest())?;
    tensors(&machine, root, origin, |key| {
        storages.get(key).copied().ok_or(PickleError::Cut)
    })
}

/// The bytes of each storage: they follow one another in the order of `keys`.
fn storages<'a>(
    keys: &[Value<'a>],
    classes: &HashMap<&'a str, &'a str>,
    mut rest: &'a [u8],
) -> Result<HashMap<&'a str, &'a [u8]>, PickleError> {
    let mut storages = HashMap::new();
    for key in keys {
        let Value::Text(key) = *key else {
            return Err(PickleError::Tensor);
        };
        let class = classes.get(key).ok_or(PickleError::Tensor)?;
        let element = element(class).ok_or(PickleError::Tensor)?;
        let (count, numbers) = rest.split_first_chunk().ok_or(PickleError::Cut)?;
        let length = usize::try_from(u64::from_le_bytes(*count)).ok();
        let length = length.and_then(|count| count.checked_mul(element.bitsize() / 8));
        let length = length.ok_or(PickleError::Cut)?;
        let (storage, after) = numbers.split_at_checked(length).ok_or(PickleError::Cut)?;
        storages.insert(key, storage);
        rest = after;
    }
    Ok(storages)
}

impl<'a> Machine<'a> {
    /// The class of each storage that a tensor lies in, by key.
    fn storage_classes(&self) -> HashMap<&'a str, &'a str> {
        let class = |place: &TensorDescription<'a>| match place.storage[..] {
            [_, Value::Global(_, class), Value::Text(key), ..] => Some((key, class)),
            _ => None,
        };
        self.tensors().iter().filter_map(class).collect()
    }
}
