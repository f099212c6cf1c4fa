//! Reads messages in the [wire format of protocol buffers](https://protobuf.dev/programming-guides/encoding/).

use std::str;

type Result<T> = tokenizers::Result<T>;

/// A field's number and its value.
pub(super) type Field<'a> = (u64, Value<'a>);

#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Number(u64),
    /// 4 bytes: a float here.
    Four([u8; 4]),
    /// 8 bytes: unused here.
    Eight,
    /// A text, bytes or another message.
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    pub(super) fn flag(self) -> Result<bool> {
        Ok(self.number()? != 0)
    }

    pub(super) fn number(self) -> Result<u64> {
        match self {
            Self::Number(number) => Ok(number),
            _ => Err("a field has the wrong type, expected a number".into()),
        }
    }

    pub(super) fn float(self) -> Result<f32> {
        match self {
            Self::Four(bytes) => Ok(f32::from_le_bytes(bytes)),
            _ => Err("a field has the wrong type, expected a float".into()),
        }
    }

    pub(super) fn bytes(self) -> Result<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err("a field has the wrong type, expected bytes".into()),
        }
    }

    pub(super) fn text(self) -> Result<&'a str> {
        Ok(str::from_utf8(self.bytes()?)?)
    }
}

/// The fields of `message`, in their order.
pub(super) fn fields(message: &[u8]) -> impl Iterator<Item = Result<Field<'_>>> {
    let mut rest = message;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = field(&mut rest);
        if field.is_err() {
            rest = &[];
        }
        Some(field)
    })
}

fn field<'a>(rest: &mut &'a [u8]) -> Result<Field<'a>> {
    let key = varint(rest)?;
    let value = match key & 7 {
        0 => Value::Number(varint(rest)?),
        1 => {
            take(rest, 8)?;
            Value::Eight
        }
        2 => {
            let length = varint(rest)?;
            Value::Bytes(take(rest, usize::try_from(length)?)?)
        }
        5 => Value::Four(take(rest, 4)?.try_into()?),
        kind => return Err(format!("a field has the unknown wire type {kind}").into()),
    };
    Ok((key >> 3, value))
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8]> {
    let Some((taken, left)) = rest.split_at_checked(length) else {
        return Err("the file ends in the middle of a field".into());
    };
    *rest = left;
    Ok(taken)
}

/// A variable-length integer: 7 bits a byte, lowest first.
fn varint(rest: &mut &[u8]) -> Result<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err("a number has more than 64 bits".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(message: &[u8]) -> Result<Vec<Field<'_>>> {
        fields(message).collect()
    }

    #[test]
    fn fields_are_told_apart() {
        let message = [
            0x08, 0xac, 0x02, 0x12, 2, b'h', b'i', 0x1d, 0, 0, 0x80, 0x3f,
        ];
        let fields = read(&message).unwrap();
        assert_eq!(fields.len(), 3);
        assert_eq!((fields[0].0, fields[0].1.number().unwrap()), (1, 300));
        assert_eq!((fields[1].0, fields[1].1.text().unwrap()), (2, "hi"));
        assert_eq!((fields[2].0, fields[2].1.float().unwrap()), (3, 1.0));
        assert!(fields[0].1.text().is_err() && fields[1].1.number().is_err());
    }

    #[test]
    fn what_is_cut_off_is_an_error() {
        for message in [
            &[0x08][..],
            &[0x08, 0x80],
            &[0x12, 5, b'h'],
            &[
                0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1,
            ],
            &[0x1d, 0, 0],
            &[0x09, 0],
            &[0x0b],
            &[0xff; 11],
        ] {
            assert!(read(message).is_err(), "{message:?}");
        }
    }
}
