//! 300 similar generated documents: pages of text, forms, code, chats, slides and receipts, light and dark, of several
//! sizes, in an invented script.

use picture::Picture;

/// The documents and their names.
pub(crate) fn documents() -> Vec<(String, Picture)> {
    type Kind = (&'static str, [(u32, u32); 3], fn(&mut Page));
    let kinds: [Kind; 6] = [
        ("text", [(600, 800), (800, 1100), (480, 640)], text),
        ("form", [(600, 800), (800, 1100), (700, 500)], form),
        ("code", [(960, 540), (700, 800), (640, 480)], code),
        ("chat", [(390, 844), (360, 640), (540, 900)], chat),
        ("slide", [(960, 540), (640, 480), (1280, 720)], slide),
        ("receipt", [(300, 600), (380, 900), (280, 500)], receipt),
    ];
    let mut documents = Vec::new();
    for (kind, sizes, draw) in kinds {
        for number in 0..50 {
            // Most have one size, and half of them are dark.
            let size = if number % 5 == 0 {
                sizes[number / 5 % 3]
            } else {
                sizes[0]
            };
            let mut page = Page::new(
                size,
                number % 2 == 1,
                number as u64 * 97 + kind.len() as u64,
            );
            draw(&mut page);
            documents.push((format!("{kind} {number}"), page.picture()));
        }
    }
    documents
}

fn text(page: &mut Page) {
    let (width, height) = (page.width, page.height);
    let mut y = height / 10;
    while y < height * 9 / 10 {
        let is_last = page.below(6) == 0;
        let length = if is_last {
            width * (20 + page.below(60)) / 100
        } else {
            width * 4 / 5
        };
        page.line(width / 10, y, length, 1);
        y += if is_last { 22 } else { 13 };
    }
}

fn form(page: &mut Page) {
    let (width, height) = (page.width, page.height);
    let title = page.words("application form");
    page.write(width / 12, height / 20, &title, 3);
    for row in 0..12 {
        let y = height / 8 + row * height / 16;
        let label = page.words(&format!("label {row}"));
        page.write(width / 12, y, &label, 1);
        page.frame(width / 3, y.saturating_sub(5), width * 7 / 12, 18);
        let length = 30 + page.below(width / 2 - 40);
        page.line(width / 3 + 6, y, length, 1);
    }
}

fn code(page: &mut Page) {
    let mut y = 10;
    let mut indent = 0;
    while y < page.height - 12 {
        indent = (indent + page.below(3)).saturating_sub(1).min(6);
        let x = 30 + indent * 18;
        let length = 20 + page.below(page.width / 2);
        if page.below(8) > 0 {
            page.line(x, y, length.min(page.width - x - 10), 1);
        }
        y += 13;
    }
}

fn chat(page: &mut Page) {
    let (width, height) = (page.width, page.height);
    page.fill(0, 0, width, height / 14, 90);
    let mut y = height / 14 + 12;
    while y < height - 60 {
        let lines = 1 + page.below(3);
        let length = width * (30 + page.below(40)) / 100;
        let x = if page.below(2) == 0 {
            12
        } else {
            width - length - 12
        };
        page.fill(x, y, length, lines * 14 + 10, 30);
        for line in 0..lines {
            let end = 20 + page.below(30);
            page.line(x + 8, y + 6 + line * 14, length - end.min(length - 10), 1);
        }
        y += lines * 14 + 22;
    }
}

fn slide(page: &mut Page) {
    let (width, height) = (page.width, page.height);
    page.fill(0, 0, width, height / 40, 160);
    let length = width * (20 + page.below(50)) / 100;
    page.line(width / 15, height / 10, length, 4);
    for row in 0..3 + page.below(4) {
        let length = width * (20 + page.below(60)) / 100;
        page.line(width / 10, height / 3 + row * height / 10, length, 2);
    }
}

fn receipt(page: &mut Page) {
    let (width, height) = (page.width, page.height);
    let title = page.words("corner shop");
    page.write(width / 4, 20, &title, 2);
    let mut y = 60;
    while y < height - 60 {
        let length = width / 10 + page.below(width / 3);
        page.line(16, y, length, 1);
        let price = 20 + page.below(30);
        page.line(width - 16 - price, y, price, 1);
        y += 14;
    }
    page.fill(16, y, width - 32, 1, 200);
}

/// A page of one shade with text in another.
struct Page {
    width: usize,
    height: usize,
    is_dark: bool,
    pixels: Vec<u8>,
    random: u64,
}

/// A letter: rows of five dots.
type Letter = [u8; 7];

impl Page {
    fn new((width, height): (u32, u32), is_dark: bool, seed: u64) -> Page {
        let (width, height) = (width as usize, height as usize);
        Page {
            width,
            height,
            is_dark,
            pixels: vec![0; width * height],
            random: seed,
        }
    }

    /// A deterministic pseudo-random number below `limit` (SplitMix64).
    fn below(&mut self, limit: usize) -> usize {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut number = self.random;
        number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((number ^ (number >> 31)) % limit.max(1) as u64) as usize
    }

    /// Writes words of random letters of this size, as many as fit into `length`.
    fn line(&mut self, x: usize, y: usize, length: usize, size: usize) {
        let letters = length / (6 * size);
        let line: Vec<Option<Letter>> = (0..letters)
            .map(|_| (self.below(6) > 0).then(|| self.letter()))
            .collect();
        self.write(x, y, &line, size);
    }

    /// Letters for a text; the same text gets the same letters.
    fn words(&self, text: &str) -> Vec<Option<Letter>> {
        let letter = |byte: u8| {
            let mut page = Page::new((1, 1), false, byte.into());
            (byte != b' ').then(|| page.letter())
        };
        text.bytes().map(letter).collect()
    }

    fn letter(&mut self) -> Letter {
        std::array::from_fn(|_| (self.below(32) & self.below(64)) as u8)
    }

    fn write(&mut self, x: usize, y: usize, line: &[Option<Letter>], size: usize) {
        for (index, letter) in line.iter().enumerate() {
            for (row, dots) in letter.iter().flatten().enumerate() {
                for column in (0..5).filter(|column| dots >> column & 1 == 1) {
                    let left = x + (index * 6 + column) * size;
                    self.fill(left, y + row * size, size, size, 230);
                }
            }
        }
    }

    fn frame(&mut self, x: usize, y: usize, width: usize, height: usize) {
        for (left, top, across, down) in [
            (x, y, width, 1),
            (x, y + height, width, 1),
            (x, y, 1, height),
            (x + width, y, 1, height),
        ] {
            self.fill(left, top, across, down, 110);
        }
    }

    fn fill(&mut self, x: usize, y: usize, width: usize, height: usize, ink: u8) {
        for row in y..(y + height).min(self.height) {
            let end = (x + width).min(self.width);
            self.pixels[row * self.width..][x.min(end)..end].fill(ink);
        }
    }

    fn picture(self) -> Picture {
        let shade = |ink: u8| {
            if self.is_dark {
                20 + (u16::from(ink) * 9 / 10) as u8
            } else {
                255 - ink
            }
        };
        let shade = |ink: u8| shade(ink.min(230));
        let pixels = self
            .pixels
            .iter()
            .flat_map(|&ink| [shade(ink); 3])
            .collect();
        Picture::from_rgb(self.width as u32, self.height as u32, pixels).unwrap()
    }
}
