use ab_glyph::{Font, FontRef, Glyph, PxScale, ScaleFont, point};
use anyhow::Result;
use picture::Picture;

use super::lines;

/// DejaVu Sans: Latin, Greek, Cyrillic and more. Chinese, Japanese, Korean and emoji show as boxes. Text is always set
/// from left to right and without ligatures.
const FONT: &[u8] = include_bytes!("../../assets/fonts/DejaVuSans.ttf");

pub(super) type Colour = [u8; 3];

/// A canvas to draw on.
pub(super) struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
    font: FontRef<'static>,
}

impl Canvas {
    pub(super) fn new(width: usize, height: usize, colour: Colour) -> Result<Canvas> {
        Ok(Canvas {
            width,
            height,
            pixels: colour.repeat(width * height),
            font: FontRef::try_from_slice(FONT)?,
        })
    }

    pub(super) fn into_picture(self) -> Result<Picture> {
        Ok(Picture::from_rgb(
            self.width as u32,
            self.height as u32,
            self.pixels,
        )?)
    }

    /// Fills a rectangle, clipped to the canvas.
    pub(super) fn fill(&mut self, x: usize, y: usize, width: usize, height: usize, colour: Colour) {
        let right = (x + width).min(self.width);
        for row in y..(y + height).min(self.height) {
            for column in x.min(right)..right {
                self.set(column, row, colour, 1.0);
            }
        }
    }

    /// Draws a picture with its upper left corner at `x`, `y`. It must fit on the canvas.
    pub(super) fn draw(&mut self, picture: &Picture, x: usize, y: usize) {
        let bytes = 3 * picture.width() as usize;
        for (row, source) in picture.pixels().chunks_exact(bytes).enumerate() {
            let start = 3 * ((y + row) * self.width + x);
            self.pixels[start..start + bytes].copy_from_slice(source);
        }
    }

    /// Writes a line of text whose upper left corner is at `x`, `y`.
    pub(super) fn write(&mut self, text: &str, x: usize, y: usize, size: f32, colour: Colour) {
        for glyph in self.glyphs(text, size, x as f32, y as f32) {
            let Some(outline) = self.font.outline_glyph(glyph) else {
                continue;
            };
            let corner = outline.px_bounds().min;
            outline.draw(|column, row, cover| {
                let (x, y) = (corner.x + column as f32, corner.y + row as f32);
                if x >= 0.0 && y >= 0.0 && (x as usize) < self.width && (y as usize) < self.height {
                    self.set(x as usize, y as usize, colour, cover.min(1.0));
                }
            });
        }
    }

    /// The glyphs of a line with their positions.
    fn glyphs(&self, text: &str, size: f32, x: f32, y: f32) -> Vec<Glyph> {
        let font = self.font.as_scaled(PxScale::from(size));
        let baseline = y + font.ascent();
        let mut at = x;
        let mut previous = None;
        let mut glyphs = Vec::new();
        for c in text.chars() {
            let id = font.glyph_id(c);
            at += previous.map_or(0.0, |previous| font.kern(previous, id));
            glyphs.push(id.with_scale_and_position(size, point(at, baseline)));
            at += font.h_advance(id);
            previous = Some(id);
        }
        glyphs
    }

    fn text_width(&self, text: &str, size: f32) -> f32 {
        let font = self.font.as_scaled(PxScale::from(size));
        text.chars().map(|c| font.h_advance(font.glyph_id(c))).sum()
    }

    /// Breaks a text into at most `most` lines of at most `width` pixels, at spaces if
    /// possible. Omitted text becomes `…`.
    pub(super) fn wrap(&self, text: &str, size: f32, width: usize, most: usize) -> Vec<String> {
        lines::wrap(text, most, |line| {
            self.text_width(line, size) <= width as f32
        })
    }

    fn set(&mut self, x: usize, y: usize, colour: Colour, cover: f32) {
        let start = 3 * (y * self.width + x);
        for (channel, ink) in self.pixels[start..start + 3].iter_mut().zip(colour) {
            let mixed = f32::from(*channel) * (1.0 - cover) + f32::from(ink) * cover;
            *channel = mixed.round() as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_end_in_an_ellipsis() -> Result<()> {
        let canvas = Canvas::new(1, 1, [0; 3])?;
        let lines = canvas.wrap(
            "a dog that runs along the beach in the evening",
            16.0,
            150,
            2,
        );
        assert_eq!(lines.len(), 2);
        assert!(lines[1].ends_with('…'), "{lines:?}");
        assert_eq!(canvas.wrap("a dog", 16.0, 150, 2), ["a dog"]);
        assert!(canvas.wrap(" ", 16.0, 150, 2).is_empty());
        Ok(())
    }
}
