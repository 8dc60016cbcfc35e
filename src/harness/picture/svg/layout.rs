//! Where boxes and the lines between them go: a layered drawing by the crate `layout-rs`.

use std::fmt::Write as _;

use layout::core::base::Orientation;
use layout::core::format::{ClipHandle, RenderBackend};
use layout::core::geometry::{Point, Position};
use layout::core::style::StyleAttr;
use layout::std_shapes::shapes::{Arrow, Element, ShapeKind};
use layout::topo::layout::VisualGraph;

const ORIENTATION: Orientation = Orientation::LeftToRight;

/// Where everything is.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Layout {
    /// The upper left corner of each box.
    pub corners: Vec<(f64, f64)>,
    /// The line for each edge.
    pub curves: Vec<Curve>,
}

/// A line of Bézier curves.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Curve {
    /// As in the attribute `d` of a path.
    pub data: String,
    /// The middle, for a label.
    pub middle: (f64, f64),
}

/// The space between boxes that are above each other.
const GAP: f64 = 30.0;

/// Lays out boxes of the given sizes, the first of each edge left of the second and with so much space
/// between them. No two edges may join the same boxes, and none a box with itself.
pub(super) fn lay_out(sizes: &[(f64, f64)], edges: &[(usize, usize)], space: f64) -> Layout {
    if sizes.is_empty() {
        return Layout::default();
    }
    let mut graph = VisualGraph::new(ORIENTATION);
    let style = StyleAttr::simple();
    let boxes: Vec<_> = sizes
        .iter()
        .map(|&(width, height)| {
            let shape = ShapeKind::new_box("");
            let size = Point::new(width, height);
            let mut element = Element::create(shape, style.clone(), ORIENTATION, size);
            let halo = Point::new(space, GAP);
            element.pos = Position::new(Point::zero(), size, Point::zero(), halo);
            graph.add_node(element)
        })
        .collect();
    for (number, &(from, to)) in edges.iter().enumerate() {
        let arrow = Arrow::simple_with_properties("", number.to_string());
        graph.add_edge(arrow, boxes[from], boxes[to]);
    }
    let mut curves = Curves(vec![Curve::default(); edges.len()]);
    graph.do_it(false, false, false, &mut curves);
    let corners = boxes.into_iter().map(|handle| {
        let (corner, _) = graph.pos(handle).bbox(false);
        (corner.x, corner.y)
    });
    Layout {
        corners: corners.collect(),
        curves: curves.0,
    }
}

/// Takes note of the lines instead of drawing.
struct Curves(Vec<Curve>);

impl RenderBackend for Curves {
    fn draw_arrow(
        &mut self,
        path: &[(Point, Point)],
        _dashed: bool,
        _head: (bool, bool),
        _look: &StyleAttr,
        number: Option<String>,
        _text: &str,
    ) {
        let number: Option<usize> = number.and_then(|number| number.parse().ok());
        let curve = number.and_then(|number| self.0.get_mut(number));
        // The first pair is a point and where the line leaves it to; each other one is where the line
        // comes from and a point.
        if let (Some(curve), [(start, leaves), rest @ ..]) = (curve, path) {
            *curve = Curve::new(*start, *leaves, rest);
        }
    }

    fn draw_rect(
        &mut self,
        _: Point,
        _: Point,
        _: &StyleAttr,
        _: Option<String>,
        _: Option<ClipHandle>,
    ) {
    }

    fn draw_line(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}

    fn draw_circle(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}

    fn draw_text(&mut self, _: Point, _: &str, _: &StyleAttr) {}

    fn create_clip(&mut self, _: Point, _: Point, _: usize) -> ClipHandle {
        0
    }
}

impl Curve {
    fn new(start: Point, leaves: Point, rest: &[(Point, Point)]) -> Self {
        let mut data = format!("M{:.1} {:.1}", start.x, start.y);
        let (mut from, mut leaves) = (start, leaves);
        let mut middle = (start.x, start.y);
        for (number, &(comes, to)) in rest.iter().enumerate() {
            // Writing to a string cannot fail.
            let _ = write!(
                data,
                " C{:.1} {:.1} {:.1} {:.1} {:.1} {:.1}",
                leaves.x, leaves.y, comes.x, comes.y, to.x, to.y
            );
            if number == rest.len() / 2 {
                let at = |a, b, c, d| (a + 3.0 * b + 3.0 * c + d) / 8.0;
                middle = (
                    at(from.x, leaves.x, comes.x, to.x),
                    at(from.y, leaves.y, comes.y, to.y),
                );
            }
            // A smooth line leaves a point as it has come to it.
            leaves = to.add(to.sub(comes));
            from = to;
        }
        Self { data, middle }
    }
}
