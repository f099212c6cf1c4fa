//! [Sixels](https://vt100.net/docs/vt3xx-gp/chapter14.html): a palette, then bands six pixels high. A
//! band has a run of characters per colour; each character is a bit mask of the six pixels of a column.

use std::fmt::Write;

use color_quant::NeuQuant;
use picture::Picture;

/// The height of a band.
const BAND: usize = 6;

/// The palette is computed from one in this many pixels.
const SAMPLING: i32 = 4;

/// Encodes a picture as sixels. Pixels that are not drawn keep their colour (`0;1;0`).
pub(super) fn escape(picture: &Picture, colours: usize) -> String {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let (palette, indices) = quantise(picture, colours);
    let mut sixels = format!("\u{1b}P0;1;0q\"1;1;{width};{height}");
    // Writing to a string cannot fail.
    for (n, colour) in palette.iter().enumerate() {
        let [red, green, blue] = colour.map(percent);
        let _ = write!(sixels, "#{n};2;{red};{green};{blue}");
    }
    for (n, band) in indices.chunks(BAND * width).enumerate() {
        if n > 0 {
            sixels.push('-');
        }
        write_band(&mut sixels, band, width, palette.len());
    }
    sixels.push_str("\u{1b}\\");
    sixels
}

fn percent(level: u8) -> u32 {
    (u32::from(level) * 100 + 127) / 255
}

fn write_band(sixels: &mut String, band: &[u8], width: usize, colours: usize) {
    let mut columns: Vec<Option<Vec<u8>>> = vec![None; colours];
    for (at, &colour) in band.iter().enumerate() {
        let bits = columns[usize::from(colour)].get_or_insert_with(|| vec![0; width]);
        bits[at % width] |= 1 << (at / width);
    }
    let used = columns.iter().enumerate();
    let used = used.filter_map(|(colour, bits)| Some((colour, bits.as_ref()?)));
    for (n, (colour, bits)) in used.enumerate() {
        if n > 0 {
            sixels.push('$');
        }
        let _ = write!(sixels, "#{colour}");
        write_runs(sixels, bits);
    }
}

/// Writes the columns of one colour, run-length encoded, without empty columns at the end.
fn write_runs(sixels: &mut String, bits: &[u8]) {
    let end = bits.iter().rposition(|&it| it != 0).map_or(0, |at| at + 1);
    for run in bits[..end].chunk_by(|a, b| a == b) {
        let sixel = char::from(b'?' + run[0]);
        if run.len() > 3 {
            let _ = write!(sixels, "!{}{sixel}", run.len());
        } else {
            sixels.extend(std::iter::repeat_n(sixel, run.len()));
        }
    }
}

/// Quantises a picture: returns the palette and the palette index of each pixel, with Floyd–Steinberg dithering.
fn quantise(picture: &Picture, colours: usize) -> (Vec<[u8; 3]>, Vec<u8>) {
    let pixels = picture.pixels().as_chunks::<3>().0;
    let opaque: Vec<u8> = pixels
        .iter()
        .flat_map(|[red, green, blue]| [*red, *green, *blue, 255])
        .collect();
    let network = NeuQuant::new(SAMPLING, colours, &opaque);
    let map = network.color_map_rgb();
    let palette = map.as_chunks::<3>().0.to_vec();
    let width = picture.width() as usize;
    // One more column on both sides receives the error beyond the edge.
    let mut here = vec![[0_i32; 3]; width + 2];
    let mut below = here.clone();
    let mut indices = Vec::with_capacity(pixels.len());
    for row in pixels.chunks_exact(width) {
        for (x, pixel) in row.iter().enumerate() {
            let wanted: [i32; 3] = std::array::from_fn(|channel| {
                i32::from(pixel[channel]) + here[x + 1][channel] / 16
            });
            let [red, green, blue] = wanted.map(|level| level.clamp(0, 255) as u8);
            let index = network.index_of(&[red, green, blue, 255]);
            indices.push(index as u8);
            for channel in 0..3 {
                let wanted = wanted[channel].clamp(0, 255);
                let off = wanted - i32::from(palette[index][channel]);
                here[x + 2][channel] += 7 * off;
                below[x][channel] += 3 * off;
                below[x + 1][channel] += 5 * off;
                below[x + 2][channel] += off;
            }
        }
        here = std::mem::replace(&mut below, vec![[0; 3]; width + 2]);
    }
    (palette, indices)
}
