use std::f64::consts::PI;

/// A resampling filter, with Pillow's name.
///
/// All but `Nearest` widen when they shrink a picture, so that every source pixel counts (antialiasing).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Filter {
    /// The source pixel under the centre of the new pixel.
    Nearest,
    /// The mean of the source pixels under the new pixel.
    Box,
    /// A triangle over two pixels.
    Bilinear,
    /// As wide as `Bilinear`; when shrinking, nearly as sharp as `Bicubic`.
    Hamming,
    /// A cubic over four pixels with a = -0.5, used by CLIP's preprocessing.
    Bicubic,
    /// A windowed sinc over six pixels.
    Lanczos3,
}

impl Filter {
    /// The filter's radius in pixels. `Nearest` has none.
    pub(crate) fn support(self) -> f64 {
        match self {
            Filter::Nearest | Filter::Box => 0.5,
            Filter::Bilinear | Filter::Hamming => 1.0,
            Filter::Bicubic => 2.0,
            Filter::Lanczos3 => 3.0,
        }
    }

    /// The filter's weight at `x` pixels from its centre, term for term as in
    /// <https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Resample.c>, because
    /// another order of the same terms rounds differently.
    pub(crate) fn weight(self, x: f64) -> f64 {
        match self {
            Filter::Nearest | Filter::Box => box_weight(x),
            Filter::Bilinear => (1.0 - x.abs()).max(0.0),
            Filter::Hamming => hamming(x.abs()),
            Filter::Bicubic => bicubic(x.abs()),
            Filter::Lanczos3 => lanczos(x),
        }
    }
}

fn box_weight(x: f64) -> f64 {
    if x > -0.5 && x <= 0.5 { 1.0 } else { 0.0 }
}

fn hamming(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    if x >= 1.0 {
        return 0.0;
    }
    let x = x * PI;
    x.sin() / x * (0.54 + 0.46 * x.cos())
}

fn bicubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

fn lanczos(x: f64) -> f64 {
    if (-3.0..3.0).contains(&x) {
        sinc(x) * sinc(x / 3.0)
    } else {
        0.0
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    let x = x * PI;
    x.sin() / x
}
