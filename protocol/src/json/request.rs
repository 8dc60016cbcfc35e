//! Reading a request body with Go's rules and Go's error texts.

use super::scan::{SyntaxError, check};
use super::value::{Cursor, Kind};
use super::{Base64, GoJson};

/// How the server that reads a request was built.
///
/// The default is the newest release.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dialect {
    /// The generation of its JSON decoder.
    pub go: GoJson,
    /// Fields of the options that its release does not know, e.g. `exact_match` before 2.12.
    pub unknown_fields: &'static [&'static str],
}

/// A request body that cannot be read. The text is the very text a server answers with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It is not JSON.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// A value has the wrong type.
    #[error("json: cannot unmarshal {value} into {place} of type {go_type}")]
    Type {
        /// What was there, e.g. `number 1.5` or `array`.
        value: String,
        /// Where it was, in Go's words.
        place: String,
        /// The type expected there, in Go's words.
        go_type: String,
    },
}

/// Where the value of a field goes.
#[derive(Debug)]
pub enum Slot<'a> {
    /// A Go string type.
    Text(&'a mut String),
    /// A Go `bool`.
    Bool(&'a mut bool),
    /// A signed Go integer type of 64 bits.
    Int(&'a mut i64),
    /// An unsigned Go integer type of 64 bits.
    Uint(&'a mut u64),
    /// A Go `[]string`.
    List(&'a mut Vec<String>),
    /// A Go `[]string` for which `null` and an empty list differ.
    NullableList(&'a mut Option<Vec<String>>),
    /// A Go `[]byte`.
    Bytes(&'a mut Option<Base64>),
}

/// A field of request options, as Go knows it.
#[derive(Debug)]
pub struct Field<'a> {
    name: &'static str,
    embedded_in: Option<&'static str>,
    go_type: &'static str,
    slot: Slot<'a>,
}

impl<'a> Field<'a> {
    /// A field with the Go type its slot stands for.
    #[must_use]
    pub const fn new(name: &'static str, slot: Slot<'a>) -> Self {
        let go_type = match slot {
            Slot::Text(_) => "string",
            Slot::Bool(_) => "bool",
            Slot::Int(_) => "int",
            Slot::Uint(_) => "uint64",
            Slot::List(_) | Slot::NullableList(_) => "[]string",
            Slot::Bytes(_) => "[]uint8",
        };
        Self {
            name,
            embedded_in: None,
            go_type,
            slot,
        }
    }

    /// The field with another Go type, e.g. `server.SortOpt`.
    #[must_use]
    pub const fn typed(self, go_type: &'static str) -> Self {
        Self { go_type, ..self }
    }

    /// The field as part of an embedded Go struct, which older error texts name.
    #[must_use]
    pub const fn embedded_in(self, go_struct: &'static str) -> Self {
        Self {
            embedded_in: Some(go_struct),
            ..self
        }
    }
}

/// Options of a request.
pub trait RequestOptions: Default {
    /// The Go struct they are read into, e.g. `VarzEventOptions`.
    const GO_STRUCT: &'static str;

    /// All fields.
    fn fields(&mut self) -> Vec<Field<'_>>;
}

/// Reads the body of a request as a server does.
///
/// An empty body, `null` and `{}` are the default options. Keys match without regard to case unless one
/// matches exactly, unknown keys and `null` values are ignored, and of equal keys the last one counts.
///
/// # Errors
///
/// Text that is not JSON, else the first value of a wrong type.
///
/// ```
/// use nats_mock_protocol::json::{Dialect, decode_request};
/// use nats_mock_protocol::monitor::ConnzOptions;
///
/// let options: ConnzOptions = decode_request(br#"{"Limit":5,"other":1}"#, Dialect::default()).unwrap();
/// assert_eq!(options.limit, 5);
///
/// let error = decode_request::<ConnzOptions>(br#"{"limit":"5"}"#, Dialect::default()).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "json: cannot unmarshal string into Go struct field ConnzEventOptions.limit of type int",
/// );
/// ```
pub fn decode_request<T: RequestOptions>(body: &[u8], dialect: Dialect) -> Result<T, DecodeError> {
    let mut options = T::default();
    if body.is_empty() {
        return Ok(options);
    }
    check(body, dialect.go)?;
    let mut cursor = Cursor::new(body);
    match cursor.kind() {
        Kind::Null => return Ok(options),
        Kind::Object => cursor.enter(),
        kind => {
            return Err(DecodeError::Type {
                value: kind.name().to_owned(),
                place: "Go value".to_owned(),
                go_type: format!("server.{}", T::GO_STRUCT),
            });
        }
    }
    let mut fields = options.fields();
    fields.retain(|field| !dialect.unknown_fields.contains(&field.name));
    let mut first_error = None;
    while cursor.more() {
        let key = cursor.string();
        let error = match find(&mut fields, &key) {
            Some(field) => store(field, &mut cursor).map_err(|mismatch| {
                mismatch.error(
                    T::GO_STRUCT,
                    field.embedded_in,
                    field.name,
                    &key,
                    dialect.go,
                )
            }),
            None => {
                cursor.raw();
                Ok(())
            }
        };
        // Go reads on after a wrong type and reports the first.
        first_error = first_error.or(error.err());
    }
    drop(fields);
    first_error.map_or(Ok(options), Err)
}

/// The field a key means.
fn find<'f, 'a>(fields: &'f mut [Field<'a>], key: &str) -> Option<&'f mut Field<'a>> {
    let exact = fields.iter().position(|field| field.name == key);
    let index = exact.or_else(|| {
        let folded: String = key.chars().map(fold).collect();
        fields.iter().position(|field| field.name == folded)
    })?;
    fields.get_mut(index)
}

/// The lower-case ASCII character that Unicode's simple case folding holds equal to `c`, else `c`.
fn fold(c: char) -> char {
    match c {
        '\u{17F}' => 's',
        '\u{212A}' => 'k',
        c => c.to_ascii_lowercase(),
    }
}

/// A value of the wrong type.
struct Mismatch {
    value: String,
    go_type: &'static str,
    /// The element of a list it was.
    element: Option<usize>,
}

impl Mismatch {
    fn new(kind: Kind, go_type: &'static str) -> Self {
        Self {
            value: kind.name().to_owned(),
            go_type,
            element: None,
        }
    }

    fn error(
        self,
        go_struct: &str,
        embedded_in: Option<&str>,
        name: &str,
        key: &str,
        generation: GoJson,
    ) -> DecodeError {
        let place = match (generation, embedded_in, self.element) {
            (GoJson::V1, Some(embedded), _) => {
                format!("Go struct field {go_struct}.{embedded}.{name}")
            }
            (GoJson::V1, None, _) => format!("Go struct field {go_struct}.{name}"),
            // The newer decoder spells the key as the request does.
            (GoJson::V2, _, None) => format!("Go struct field {go_struct}.{key}"),
            (GoJson::V2, _, Some(index)) => format!("{go_struct}.{key}.{index}"),
        };
        DecodeError::Type {
            value: self.value,
            place,
            go_type: self.go_type.to_owned(),
        }
    }
}

/// Reads the next value into a field.
fn store(field: &mut Field<'_>, cursor: &mut Cursor<'_>) -> Result<(), Mismatch> {
    let kind = cursor.kind();
    let mismatch = Mismatch::new(kind, field.go_type);
    match (&mut field.slot, kind) {
        (Slot::List(list), Kind::Null) => {
            cursor.raw();
            list.clear();
            Ok(())
        }
        (Slot::NullableList(list), Kind::Null) => {
            cursor.raw();
            **list = None;
            Ok(())
        }
        (Slot::Bytes(bytes), Kind::Null) => {
            cursor.raw();
            **bytes = None;
            Ok(())
        }
        (_, Kind::Null) => {
            cursor.raw();
            Ok(())
        }
        (Slot::Text(text), Kind::String) => {
            **text = cursor.string();
            Ok(())
        }
        (Slot::Bool(flag), Kind::Bool) => {
            **flag = cursor.raw() == b"true";
            Ok(())
        }
        (Slot::Int(number), Kind::Number) => integer(cursor, &mut **number, mismatch),
        (Slot::Uint(number), Kind::Number) => integer(cursor, &mut **number, mismatch),
        (Slot::List(list), Kind::Array) => strings(cursor, list),
        (Slot::NullableList(list), Kind::Array) => strings(cursor, list.get_or_insert_default()),
        (Slot::Bytes(bytes), Kind::Array) => numbers(cursor, &mut bytes.get_or_insert_default().0),
        (Slot::Bytes(bytes), Kind::String) => {
            // Go has another text for bad base64, which no server ever answers with.
            **bytes = Some(Base64::decode(&cursor.string()).ok_or(mismatch)?);
            Ok(())
        }
        (_, _) => {
            cursor.raw();
            Err(mismatch)
        }
    }
}

fn integer<N: std::str::FromStr>(
    cursor: &mut Cursor<'_>,
    number: &mut N,
    mismatch: Mismatch,
) -> Result<(), Mismatch> {
    let text = String::from_utf8_lossy(cursor.raw());
    match text.parse() {
        Ok(value) => {
            *number = value;
            Ok(())
        }
        Err(_) => Err(Mismatch {
            value: format!("number {text}"),
            ..mismatch
        }),
    }
}

/// Bytes as a list of numbers, which Go reads too.
fn numbers(cursor: &mut Cursor<'_>, list: &mut Vec<u8>) -> Result<(), Mismatch> {
    list.clear();
    let mut result = Ok(());
    cursor.enter();
    while cursor.more() {
        let kind = cursor.kind();
        let mismatch = Mismatch {
            element: Some(list.len()),
            ..Mismatch::new(kind, "uint8")
        };
        let mut byte = 0;
        let read = match kind {
            Kind::Number => integer(cursor, &mut byte, mismatch),
            Kind::Null => {
                cursor.raw();
                Ok(())
            }
            _ => {
                cursor.raw();
                Err(mismatch)
            }
        };
        list.push(byte);
        result = result.and(read);
    }
    result
}

fn strings(cursor: &mut Cursor<'_>, list: &mut Vec<String>) -> Result<(), Mismatch> {
    list.clear();
    let mut result = Ok(());
    cursor.enter();
    while cursor.more() {
        let kind = cursor.kind();
        match kind {
            Kind::String => list.push(cursor.string()),
            Kind::Null => {
                cursor.raw();
                list.push(String::new());
            }
            _ => {
                cursor.raw();
                let element = Some(list.len());
                list.push(String::new());
                result = result.and(Err(Mismatch {
                    element,
                    ..Mismatch::new(kind, "string")
                }));
            }
        }
    }
    result
}
