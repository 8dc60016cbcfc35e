//! Unified differences between two transcripts.

/// Lines of agreement shown around a difference.
const CONTEXT: usize = 3;

/// Texts with more lines than this are compared by their common ends only.
const MAX_LINES: usize = 4000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Same,
    Removed,
    Added,
}

/// How many characters of two long lines are shown around the place where they part.
const WINDOW: usize = 60;

/// Lines shorter than this are not worth a closer look.
const LONG_LINE: usize = 120;

/// The difference from `old` to `new` in unified form, or nothing if they are equal. Where a long
/// line was replaced by another, a line starting with `?` shows the place where they part.
///
/// ```
/// use nats_mock_conformance::diff::unified;
///
/// assert_eq!(unified("a\nb\n", "a\nc\n"), Some("@@ line 1 @@\n a\n-b\n+c\n".to_owned()));
/// assert_eq!(unified("a\n", "a\n"), None);
/// ```
pub fn unified(old: &str, new: &str) -> Option<String> {
    if old == new {
        return None;
    }
    let old: Vec<&str> = old.lines().collect();
    let new: Vec<&str> = new.lines().collect();
    let changes = changes(&old, &new);
    let mut near = vec![false; changes.len()];
    for (at, (change, _)) in changes.iter().enumerate() {
        if *change != Change::Same {
            let end = (at + CONTEXT + 1).min(changes.len());
            near[at.saturating_sub(CONTEXT)..end].fill(true);
        }
    }
    let mut out = String::new();
    let mut old_line = 1;
    let mut in_hunk = false;
    let mut removed: Option<&str> = None;
    for ((change, line), near) in changes.iter().zip(near) {
        if near {
            if !in_hunk {
                out.push_str(&format!("@@ line {old_line} @@\n"));
            }
            let mark = match change {
                Change::Same => ' ',
                Change::Removed => '-',
                Change::Added => '+',
            };
            out.push(mark);
            out.push_str(line);
            out.push('\n');
            if *change == Change::Added
                && let Some(partner) = removed.take_if(|partner| alike(partner, line))
            {
                out.push_str(&parting(partner, line));
            }
        }
        match change {
            Change::Removed => removed = Some(line),
            Change::Same => removed = None,
            Change::Added => {}
        }
        in_hunk = near;
        if *change != Change::Added {
            old_line += 1;
        }
    }
    Some(out)
}

/// Whether two lines are long and start alike.
fn alike(old: &str, new: &str) -> bool {
    let shared = common_start(old, new);
    old.len().min(new.len()) > LONG_LINE && shared > 0
}

fn common_start(old: &str, new: &str) -> usize {
    old.chars()
        .zip(new.chars())
        .take_while(|(a, b)| a == b)
        .map(|(a, _)| a.len_utf8())
        .sum()
}

/// The surroundings of the first difference of two lines.
fn parting(old: &str, new: &str) -> String {
    let at = common_start(old, new);
    let window = |line: &str| -> String {
        let before: Vec<char> = line[..at].chars().rev().take(WINDOW / 2).collect();
        let after = line[at..].chars().take(WINDOW);
        before.into_iter().rev().chain(after).collect()
    };
    format!("?{}\n?{}\n", window(old), window(new))
}

/// Every line of both texts, in order, with what happened to it.
fn changes<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<(Change, &'t str)> {
    let start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (&old[start..], &new[start..]);
    let end = old_rest
        .iter()
        .rev()
        .zip(new_rest.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let old_middle = &old_rest[..old_rest.len() - end];
    let new_middle = &new_rest[..new_rest.len() - end];
    let mut out: Vec<_> = old[..start].iter().map(|l| (Change::Same, *l)).collect();
    middle(old_middle, new_middle, &mut out);
    out.extend(old[old.len() - end..].iter().map(|l| (Change::Same, *l)));
    out
}

/// The longest common subsequence, by the textbook table.
fn middle<'t>(old: &[&'t str], new: &[&'t str], out: &mut Vec<(Change, &'t str)>) {
    let comparable = old.len().max(new.len()) <= MAX_LINES;
    let width = new.len() + 1;
    let mut common = vec![
        0_u32;
        if comparable {
            (old.len() + 1) * width
        } else {
            0
        }
    ];
    if comparable {
        for i in (0..old.len()).rev() {
            for j in (0..new.len()).rev() {
                common[i * width + j] = if old[i] == new[j] {
                    common[(i + 1) * width + j + 1] + 1
                } else {
                    common[(i + 1) * width + j].max(common[i * width + j + 1])
                };
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    while comparable && i < old.len() && j < new.len() {
        if old[i] == new[j] {
            out.push((Change::Same, old[i]));
            i += 1;
            j += 1;
        } else if common[(i + 1) * width + j] >= common[i * width + j + 1] {
            out.push((Change::Removed, old[i]));
            i += 1;
        } else {
            out.push((Change::Added, new[j]));
            j += 1;
        }
    }
    out.extend(old[i..].iter().map(|l| (Change::Removed, *l)));
    out.extend(new[j..].iter().map(|l| (Change::Added, *l)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_neighbourhood_of_a_change_is_shown() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let new = "1\n2\n3\n4\n5\nx\n7\n8\n9\n";
        assert_eq!(
            unified(old, new).as_deref(),
            Some("@@ line 3 @@\n 3\n 4\n 5\n-6\n+x\n 7\n 8\n 9\n")
        );
    }

    #[test]
    fn long_lines_show_where_they_part() {
        let line = |middle: &str| format!("{}{middle}{}\n", "a".repeat(200), "b".repeat(200));
        let diff = unified(&line("1"), &line("2")).expect("a difference");
        let shown: Vec<&str> = diff.lines().filter(|l| l.starts_with('?')).collect();
        assert_eq!(shown.len(), 2);
        assert!(shown[0].contains("aa1bb") && shown[1].contains("aa2bb"));
    }

    proptest! {
        #[test]
        fn both_texts_can_be_read_off_the_changes(
            old in proptest::collection::vec("[abc]", 0..12),
            new in proptest::collection::vec("[abc]", 0..12),
        ) {
            let old: Vec<&str> = old.iter().map(String::as_str).collect();
            let new: Vec<&str> = new.iter().map(String::as_str).collect();
            let all = changes(&old, &new);
            let side = |not: Change| -> Vec<&str> {
                all.iter().filter(|(c, _)| *c != not).map(|(_, l)| *l).collect()
            };
            prop_assert_eq!(side(Change::Added), old);
            prop_assert_eq!(side(Change::Removed), new);
        }
    }
}
