use std::collections::HashMap;

use crate::PickleError;

type Result<T> = std::result::Result<T, PickleError>;

/// A pickled value, as far as weights need it.
///
/// Texts are borrowed from the file, and containers are indices into the [`Machine`]'s lists. So values are small, can
/// be shared freely, and are never dropped recursively.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    None,
    Integer(i64),
    Text(&'a str),
    /// A class or function, by module and name. It is never called.
    Global(&'a str, &'a str),
    Tuple(usize),
    List(usize),
    Dictionary(usize),
    /// A persistent id, which PyTorch uses to refer to a storage.
    Persistent(usize),
    Tensor(usize),
    /// Any other value.
    Other,
}

/// A tensor as described in a pickle.
#[derive(Clone, Debug)]
pub(super) struct TensorDescription<'a> {
    /// The persistent id of its storage.
    pub(super) storage: Vec<Value<'a>>,
    /// The index of its first element in the storage.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// The most items in the arguments of a call, a shape, or the id of a storage.
const MOST_ITEMS: usize = 8;

/// Reads [pickles](https://docs.python.org/3/library/pickletools.html) of protocol 2 and later.
///
/// A pickle is a program that can call any function by name. This machine calls none: it knows the results of
/// PyTorch's few functions that make tensors and dictionaries. All other calls return [`Value::Other`]. Its memory is
/// proportional to the bytes read.
pub(super) struct Machine<'a> {
    bytes: &'a [u8],
    position: usize,
    stack: Vec<Value<'a>>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value<'a>>,
    /// The contents of tuples, lists and persistent ids.
    sequences: Vec<Vec<Value<'a>>>,
    dictionaries: Vec<Vec<(Value<'a>, Value<'a>)>>,
    tensors: Vec<TensorDescription<'a>>,
}

impl<'a> Machine<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            position: 0,
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            sequences: Vec::new(),
            dictionaries: Vec::new(),
            tensors: Vec::new(),
        }
    }

    /// Reads the next pickle and returns its value.
    pub(super) fn load(&mut self) -> Result<Value<'a>> {
        self.stack.clear();
        self.marks.clear();
        self.memo.clear();
        while self.step()? {}
        self.pop()
    }

    /// The bytes after the pickles read so far.
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.position..]
    }

    pub(super) fn items(&self, value: Value<'a>) -> Option<&[Value<'a>]> {
        match value {
            Value::Tuple(place) | Value::List(place) | Value::Persistent(place) => {
                self.sequences.get(place).map(Vec::as_slice)
            }
            _ => None,
        }
    }

    pub(super) fn entries(&self, value: Value<'a>) -> Option<&[(Value<'a>, Value<'a>)]> {
        match value {
            Value::Dictionary(place) => self.dictionaries.get(place).map(Vec::as_slice),
            _ => None,
        }
    }

    pub(super) fn tensor(&self, value: Value<'a>) -> Option<&TensorDescription<'a>> {
        match value {
            Value::Tensor(place) => self.tensors.get(place),
            _ => None,
        }
    }

    pub(super) fn tensors(&self) -> &[TensorDescription<'a>] {
        &self.tensors
    }

    /// Executes one instruction and returns whether more follow.
    fn step(&mut self) -> Result<bool> {
        let start = self.position;
        let [code] = self.array()?;
        match code {
            b'.' => return Ok(false),
            // The protocol's version, and frames, which only serve reading ahead.
            0x80 => drop(self.take(1)?),
            0x95 => drop(self.take(8)?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_mark()?),
            b'2' => self.push(*self.stack.last().ok_or(PickleError::Stack)?),
            b'N' => self.push(Value::None),
            0x88 => self.push(Value::Integer(1)),
            0x89 => self.push(Value::Integer(0)),
            b'K' | b'M' | b'J' | 0x8a | 0x8b => self.integer(code)?,
            b'G' => self.skip(8)?,
            b'X' | 0x8c | 0x8d => self.text(code)?,
            b'U' | b'T' | b'C' | b'B' | 0x8e | 0x96 => self.bytes(code)?,
            b']' | b')' | 0x8f => self.push_sequence(code, Vec::new()),
            b'l' | b't' | 0x91 => {
                let items = self.pop_mark()?;
                self.push_sequence(code, items);
            }
            0x85..=0x87 => {
                let items = self.pop_last(usize::from(code) - 0x84)?;
                self.push_sequence(code, items);
            }
            b'a' => {
                let items = self.pop_last(1)?;
                self.extend(items)?;
            }
            b'e' | 0x90 => {
                let items = self.pop_mark()?;
                self.extend(items)?;
            }
            b'}' => self.push_dictionary(),
            b'd' => {
                let items = self.pop_mark()?;
                self.push_dictionary();
                self.insert(&items)?;
            }
            b's' => {
                let items = self.pop_last(2)?;
                self.insert(&items)?;
            }
            b'u' => {
                let items = self.pop_mark()?;
                self.insert(&items)?;
            }
            b'q' | b'r' | 0x94 => self.remember(code)?,
            b'h' | b'j' => self.recall(code)?,
            b'c' | 0x93 => self.global(code)?,
            b'R' | 0x81 => self.call()?,
            0x92 => {
                self.pop_last(3)?;
                self.push(Value::Other);
            }
            // The state of an object: for an ordered dictionary, versions of modules.
            b'b' => drop(self.pop()?),
            b'Q' => self.persistent()?,
            _ => {
                return Err(PickleError::Instruction {
                    code,
                    position: start,
                });
            }
        }
        Ok(true)
    }

    fn push(&mut self, value: Value<'a>) {
        self.stack.push(value);
    }

    fn push_sequence(&mut self, code: u8, items: Vec<Value<'a>>) {
        let place = self.sequences.len();
        self.sequences.push(items);
        self.push(match code {
            b']' | b'l' => Value::List(place),
            0x8f | 0x91 => Value::Other,
            _ => Value::Tuple(place),
        });
    }

    fn push_dictionary(&mut self) {
        self.push(Value::Dictionary(self.dictionaries.len()));
        self.dictionaries.push(Vec::new());
    }

    fn pop(&mut self) -> Result<Value<'a>> {
        // Values below a mark must stay.
        if self.stack.len() > self.marks.last().copied().unwrap_or(0) {
            self.stack.pop().ok_or(PickleError::Stack)
        } else {
            Err(PickleError::Stack)
        }
    }

    fn pop_last(&mut self, count: usize) -> Result<Vec<Value<'a>>> {
        let mut items = (0..count).map(|_| self.pop()).collect::<Result<Vec<_>>>()?;
        items.reverse();
        Ok(items)
    }

    fn pop_mark(&mut self) -> Result<Vec<Value<'a>>> {
        let mark = self.marks.pop().ok_or(PickleError::Stack)?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    /// Adds to the list on top of the stack.
    fn extend(&mut self, items: Vec<Value<'a>>) -> Result<()> {
        if let Value::List(place) = *self.stack.last().ok_or(PickleError::Stack)? {
            self.sequences[place].extend(items);
        }
        Ok(())
    }

    /// Adds keys, each with its value, to the dictionary on top of the stack.
    fn insert(&mut self, items: &[Value<'a>]) -> Result<()> {
        let (pairs, odd) = items.as_chunks::<2>();
        if !odd.is_empty() {
            return Err(PickleError::Stack);
        }
        if let Value::Dictionary(place) = *self.stack.last().ok_or(PickleError::Stack)? {
            self.dictionaries[place].extend(pairs.iter().map(|&[key, value]| (key, value)));
        }
        Ok(())
    }

    fn integer(&mut self, code: u8) -> Result<()> {
        let value = match code {
            b'K' => self.array::<1>()?[0].into(),
            b'M' => u16::from_le_bytes(self.array()?).into(),
            b'J' => i32::from_le_bytes(self.array()?).into(),
            _ => return self.long(code),
        };
        self.push(Value::Integer(value));
        Ok(())
    }

    /// An integer of any length, little-endian, in two's complement.
    fn long(&mut self, code: u8) -> Result<()> {
        let length = self.length(if code == 0x8a { 1 } else { 4 })?;
        let bytes = self.take(length)?;
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut wide = [if negative { 0xff } else { 0 }; 8];
        self.push(match wide.get_mut(..length) {
            Some(low) => {
                low.copy_from_slice(bytes);
                Value::Integer(i64::from_le_bytes(wide))
            }
            None => Value::Other,
        });
        Ok(())
    }

    fn text(&mut self, code: u8) -> Result<()> {
        let length = self.length(match code {
            0x8c => 1,
            b'X' => 4,
            _ => 8,
        })?;
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| PickleError::Text)?;
        self.push(Value::Text(text));
        Ok(())
    }

    /// Byte strings. In Python 2's pickles, they are texts.
    fn bytes(&mut self, code: u8) -> Result<()> {
        let length = self.length(match code {
            b'U' | b'C' => 1,
            b'T' | b'B' => 4,
            _ => 8,
        })?;
        let bytes = self.take(length)?;
        self.push(match std::str::from_utf8(bytes) {
            Ok(text) if matches!(code, b'U' | b'T') => Value::Text(text),
            _ => Value::Other,
        });
        Ok(())
    }

    fn skip(&mut self, length: usize) -> Result<()> {
        self.take(length)?;
        self.push(Value::Other);
        Ok(())
    }

    fn remember(&mut self, code: u8) -> Result<()> {
        let key = match code {
            b'q' => self.length(1)? as u32,
            b'r' => self.length(4)? as u32,
            _ => self.memo.len() as u32,
        };
        let value = *self.stack.last().ok_or(PickleError::Stack)?;
        self.memo.insert(key, value);
        Ok(())
    }

    fn recall(&mut self, code: u8) -> Result<()> {
        let key = self.length(if code == b'h' { 1 } else { 4 })? as u32;
        let value = *self.memo.get(&key).ok_or(PickleError::Stack)?;
        self.push(value);
        Ok(())
    }

    fn global(&mut self, code: u8) -> Result<()> {
        let global = if code == b'c' {
            Value::Global(self.line()?, self.line()?)
        } else {
            match self.pop_last(2)?[..] {
                [Value::Text(module), Value::Text(name)] => Value::Global(module, name),
                _ => return Err(PickleError::Stack),
            }
        };
        self.push(global);
        Ok(())
    }

    fn persistent(&mut self) -> Result<()> {
        let id = match self.pop()? {
            Value::Tuple(place) => Value::Persistent(place),
            _ => Value::Other,
        };
        self.push(id);
        Ok(())
    }

    /// Executes a call of the function below the arguments.
    fn call(&mut self) -> Result<()> {
        let (function, arguments) = match self.pop_last(2)?[..] {
            [function, arguments] => (function, arguments),
            _ => return Err(PickleError::Stack),
        };
        let result = self.apply(function, arguments)?;
        self.push(result);
        Ok(())
    }

    fn apply(&mut self, function: Value<'a>, arguments: Value<'a>) -> Result<Value<'a>> {
        let Value::Global(module, name) = function else {
            return Ok(Value::Other);
        };
        // No known function takes more, and many calls could share one long tuple.
        let arguments = self.items(arguments).unwrap_or_default();
        let arguments = arguments[..arguments.len().min(MOST_ITEMS)].to_vec();
        match (module, name) {
            ("collections", "OrderedDict") => {
                let place = self.dictionaries.len();
                self.dictionaries.push(Vec::new());
                Ok(Value::Dictionary(place))
            }
            ("torch._utils", "_rebuild_tensor_v2" | "_rebuild_tensor") => {
                self.rebuild_tensor(&arguments)
            }
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
                Ok(arguments.first().copied().unwrap_or(Value::Other))
            }
            ("torch._tensor", "_rebuild_from_type_v2") => match arguments[..] {
                // Not recursive: a type never wraps another.
                [function @ Value::Global("torch._utils", _), _, inner, ..] => {
                    self.apply(function, inner)
                }
                _ => Ok(Value::Other),
            },
            _ => Ok(Value::Other),
        }
    }

    /// From the arguments (storage, offset, shape, strides, …).
    fn rebuild_tensor(&mut self, arguments: &[Value<'a>]) -> Result<Value<'a>> {
        let [storage, Value::Integer(offset), shape, strides, ..] = *arguments else {
            return Err(PickleError::Tensor);
        };
        let tensor = TensorDescription {
            storage: self.few_items(storage)?.to_vec(),
            offset: usize::try_from(offset).map_err(|_| PickleError::Tensor)?,
            shape: self.sizes(shape)?,
            strides: self.sizes(strides)?,
        };
        let place = self.tensors.len();
        self.tensors.push(tensor);
        Ok(Value::Tensor(place))
    }

    fn sizes(&self, value: Value<'a>) -> Result<Vec<usize>> {
        let size = |value: &Value<'_>| match value {
            Value::Integer(size) => usize::try_from(*size).map_err(|_| PickleError::Tensor),
            _ => Err(PickleError::Tensor),
        };
        self.few_items(value)?.iter().map(size).collect()
    }

    /// The items of a tensor's description. They are few because many descriptions can share one sequence.
    fn few_items(&self, value: Value<'a>) -> Result<&[Value<'a>]> {
        let items = self.items(value).ok_or(PickleError::Tensor)?;
        match items.len() {
            ..=MOST_ITEMS => Ok(items),
            _ => Err(PickleError::Tensor),
        }
    }

    /// An unsigned number of `bytes` bytes.
    fn length(&mut self, bytes: usize) -> Result<usize> {
        let bytes = self.take(bytes)?.iter().rev();
        let number = bytes.fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
        usize::try_from(number).map_err(|_| PickleError::Cut)
    }

    fn line(&mut self) -> Result<&'a str> {
        let length = self.rest().iter().position(|&byte| byte == b'\n');
        let line = self.take(length.ok_or(PickleError::Cut)?)?;
        self.take(1)?;
        std::str::from_utf8(line).map_err(|_| PickleError::Text)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.rest().first_chunk().ok_or(PickleError::Cut)?;
        self.position += N;
        Ok(*bytes)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let bytes = self.rest().get(..length).ok_or(PickleError::Cut)?;
        self.position += length;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_functions_are_not_called() {
        // os.system("true")
        let bytes = b"\x80\x02cos\nsystem\nq\x00X\x04\x00\x00\x00trueq\x01\x85q\x02Rq\x03.";
        assert_eq!(Machine::new(bytes).load(), Ok(Value::Other));
    }

    #[test]
    fn integers_of_any_length_are_read() {
        let mut machine = Machine::new(b"\x80\x02\x8a\x02\xff\x7f.\x8a\x01\xff.J\xfe\xff\xff\xff.");
        assert_eq!(machine.load(), Ok(Value::Integer(32767)));
        assert_eq!(machine.load(), Ok(Value::Integer(-1)));
        assert_eq!(machine.load(), Ok(Value::Integer(-2)));
        assert!(machine.rest().is_empty());
    }

    #[test]
    fn nonsense_is_an_error() {
        for (bytes, expected) in [
            (&b""[..], PickleError::Cut),
            (b".", PickleError::Stack),
            (b"X\xff\xff\xff\xff.", PickleError::Cut),
            (b"(K\x01R.", PickleError::Stack),
            (b"t.", PickleError::Stack),
            (b"h\x00.", PickleError::Stack),
            (b"\x8c\x01\xff.", PickleError::Text),
            (
                b"S'a'\n.",
                PickleError::Instruction {
                    code: b'S',
                    position: 0,
                },
            ),
        ] {
            assert_eq!(Machine::new(bytes).load(), Err(expected), "{bytes:?}");
        }
    }

    /// Many calls can share one tuple, so each must keep little of it.
    #[test]
    fn a_tensor_of_many_dimensions_is_refused() {
        let tensor = |dimensions: usize| {
            // ((storage,), 0, shape, strides), the shape being the strides too.
            let mut bytes = b"\x80\x02ctorch._utils\n_rebuild_tensor\n(K\x00\x85K\x00(".to_vec();
            bytes.extend(b"K\x01".repeat(dimensions));
            bytes.extend(b"tq\x00h\x00tR.");
            Machine::new(&bytes).load().map(|_| ())
        };
        assert_eq!(tensor(8), Ok(()));
        assert_eq!(tensor(9), Err(PickleError::Tensor));
        assert_eq!(tensor(100_000), Err(PickleError::Tensor));
    }

    #[test]
    fn deep_nesting_is_no_trouble() {
        let mut bytes = b"]".repeat(1_000_000);
        bytes.extend(b"a".repeat(999_999));
        bytes.push(b'.');
        assert_eq!(Machine::new(&bytes).load(), Ok(Value::List(0)));
    }
}
