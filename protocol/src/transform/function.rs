//! The functions of destinations.

use super::place::{arguments, is_in_braces};
use super::{Functions, TransformError, TransformErrorKind};

/// A function and its arguments. Places are numbers of wildcards first, and places of tokens of the
/// subject later.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Function {
    Wildcard([i64; 1]),
    /// One of so many numbers, by the tokens at these places, or by the whole subject.
    Partition(Vec<i64>, i32),
    Random(i32),
    Cut(Cut, [i64; 1], i32),
    Split([i64; 1], Box<str>),
}

/// What is done with a token, by a number of bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cut {
    SplitFromLeft,
    SplitFromRight,
    SliceFromLeft,
    SliceFromRight,
    Left,
    Right,
}

/// In the order in which the server looks for them.
const CUTS: [(&[&str], Cut); 6] = [
    (&["split", "from", "left"], Cut::SplitFromLeft),
    (&["split", "from", "right"], Cut::SplitFromRight),
    (&["slice", "from", "left"], Cut::SliceFromLeft),
    (&["slice", "from", "right"], Cut::SliceFromRight),
    (&["right"], Cut::Right),
    (&["left"], Cut::Left),
];

/// Whether mappings may use what a token calls. `left` and `right` were forgotten there.
pub(super) fn is_known(token: &str, functions: Functions) -> bool {
    let is = |words: &[&str]| arguments(token, words).is_some();
    is(&["partition"])
        || is(&["wildcard"])
        || is(&["split"])
        || CUTS[..4].iter().any(|(words, _)| is(words))
        || (functions == Functions::All && is(&["random"]))
}

impl Function {
    /// The function that a token of a destination calls, if it does.
    pub(super) fn read(token: &str, functions: Functions) -> Result<Option<Self>, TransformError> {
        use TransformErrorKind::{
            InvalidArgument, NotEnoughArguments, TooManyArguments, UnknownFunction,
        };
        if let Some(number) = token.strip_prefix('$').filter(|number| !number.is_empty()) {
            // Much else begins with `$`.
            return Ok(number.parse().ok().map(|place| Self::Wildcard([place])));
        }
        if !is_in_braces(token) {
            return Ok(None);
        }
        let invalid = || InvalidArgument.at(token);
        let place = |text: &str| trimmed(text).parse::<i64>().map_err(|_| invalid());
        let count = |text: &str| {
            let count = place(text)?;
            // The server keeps 32 bits of what is not too big.
            if count > i64::from(i32::MAX) {
                Err(invalid())
            } else {
                Ok(count as i32)
            }
        };
        if let Some(args) = arguments(token, &["wildcard"]) {
            return match *args {
                [""] => Err(NotEnoughArguments.at(token)),
                [one] => Ok(Some(Self::Wildcard([place(one)?]))),
                _ => Err(TooManyArguments.at(token)),
            };
        }
        if let Some(args) = arguments(token, &["partition"]) {
            let (number, places) = args.split_first().ok_or_else(invalid)?;
            if places.is_empty() && functions == Functions::Old {
                return Err(NotEnoughArguments.at(token));
            }
            let number = count(number)?;
            let places: Result<_, _> = places.iter().map(|text| place(text)).collect();
            return Ok(Some(Self::Partition(places?, number)));
        }
        for (words, cut) in CUTS {
            let Some(args) = arguments(token, words) else {
                continue;
            };
            return match *args {
                [one, number] => {
                    let one = place(one)?;
                    let number = trimmed(number).parse().map_err(|_| invalid())?;
                    Ok(Some(Self::Cut(cut, [one], number)))
                }
                [] | [_] => Err(NotEnoughArguments.at(token)),
                _ => Err(TooManyArguments.at(token)),
            };
        }
        if let Some(args) = arguments(token, &["split"]) {
            return match *args {
                [one, separator] => {
                    let one = place(one)?;
                    if separator.contains([' ', '.']) {
                        return Err(invalid());
                    }
                    Ok(Some(Self::Split([one], separator.into())))
                }
                [] | [_] => Err(NotEnoughArguments.at(token)),
                _ => Err(TooManyArguments.at(token)),
            };
        }
        if functions == Functions::All
            && let Some(args) = arguments(token, &["random"])
        {
            return match *args {
                [number] => Ok(Some(Self::Random(count(number)?))),
                _ => Err(NotEnoughArguments.at(token)),
            };
        }
        Err(UnknownFunction.at(token))
    }

    pub(super) fn is_wildcard(&self) -> bool {
        matches!(self, Self::Wildcard(_))
    }

    pub(super) fn needs_no_wildcard(&self) -> bool {
        matches!(self, Self::Partition(..) | Self::Random(_))
    }

    pub(super) fn places_mut(&mut self) -> &mut [i64] {
        match self {
            Self::Wildcard(places) | Self::Cut(_, places, _) | Self::Split(places, _) => places,
            Self::Partition(places, _) => places,
            Self::Random(_) => &mut [],
        }
    }

    pub(super) fn apply(
        &self,
        given: &[&[u8]],
        random: &mut dyn FnMut() -> u32,
        out: &mut Vec<u8>,
    ) {
        let token = |place: i64| {
            let place = usize::try_from(place).unwrap_or_default();
            given.get(place).copied().unwrap_or_default()
        };
        match self {
            Self::Wildcard([place]) => out.extend_from_slice(token(*place)),
            Self::Partition(places, number) => {
                let partition = if places.is_empty() {
                    partition(given.join(&b'.').into_iter(), *number)
                } else {
                    let tokens = places.iter().flat_map(|&place| token(place));
                    partition(tokens.copied(), *number)
                };
                out.extend_from_slice(partition.to_string().as_bytes());
            }
            Self::Random(number) => {
                let drawn = i64::from(random() & 0x7fff_ffff);
                let drawn = drawn.checked_rem(i64::from(*number)).unwrap_or(0);
                out.extend_from_slice(drawn.to_string().as_bytes());
            }
            Self::Cut(cut, [place], number) => cut.apply(token(*place), *number, out),
            Self::Split([place], separator) => {
                split(token(*place), separator.as_bytes(), out);
            }
        }
    }
}

fn trimmed(text: &str) -> &str {
    text.trim_matches(' ')
}

/// FNV-1a, as all servers have to agree.
fn partition(key: impl Iterator<Item = u8>, number: i32) -> u32 {
    let hash = key.fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    hash.checked_rem(number as u32).unwrap_or(0)
}

impl Cut {
    fn apply(self, token: &[u8], number: i32, out: &mut Vec<u8>) {
        let number = usize::try_from(number).unwrap_or(0);
        if number == 0 || number >= token.len() {
            out.extend_from_slice(token);
            return;
        }
        let rest = token.len() - number;
        match self {
            Self::SplitFromLeft => join([&token[..number], &token[number..]], out),
            Self::SplitFromRight => join([&token[..rest], &token[rest..]], out),
            Self::Left => out.extend_from_slice(&token[..number]),
            Self::Right => out.extend_from_slice(&token[rest..]),
            Self::SliceFromLeft => join(token.chunks(number), out),
            Self::SliceFromRight => {
                let (head, tail) = token.split_at(token.len() % number);
                let head = Some(head).filter(|head| !head.is_empty());
                join(head.into_iter().chain(tail.chunks(number)), out);
            }
        }
    }
}

fn join<'t>(pieces: impl IntoIterator<Item = &'t [u8]>, out: &mut Vec<u8>) {
    for (place, piece) in pieces.into_iter().enumerate() {
        if place > 0 {
            out.push(b'.');
        }
        out.extend_from_slice(piece);
    }
}

/// The pieces between separators. Empty ones leave no empty token, except where the server's own rule
/// does.
fn split(token: &[u8], separator: &[u8], out: &mut Vec<u8>) {
    let mut pieces: Vec<&[u8]> = Vec::new();
    if separator.is_empty() {
        let text = String::from_utf8_lossy(token);
        let mut from = 0;
        for c in text.chars() {
            let len = c.len_utf8().min(token.len() - from);
            pieces.push(&token[from..from + len]);
            from += len;
        }
    } else {
        let mut from = 0;
        for at in memchr::memmem::find_iter(token, separator) {
            pieces.push(&token[from..at]);
            from = at + separator.len();
        }
        pieces.push(&token[from..]);
    }
    for (place, piece) in pieces.iter().enumerate() {
        out.extend_from_slice(piece);
        let is_followed = pieces.get(place + 1).is_some_and(|next| !next.is_empty());
        if is_followed && !(place == 0 && piece.is_empty()) {
            out.push(b'.');
        }
    }
}
