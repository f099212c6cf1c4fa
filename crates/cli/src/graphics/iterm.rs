use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use picture::{Picture, Size};

/// The quality of the JPEG that is sent.
const QUALITY: u8 = 88;

/// A picture by [iTerm2's protocol](https://iterm2.com/documentation-images.html), scaled
/// to fit into `cells`.
pub(super) fn escape(picture: &Picture, cells: Size) -> String {
    let file = picture.to_jpeg(QUALITY);
    format!(
        "\u{1b}]1337;File=inline=1;size={};width={};height={};preserveAspectRatio=1:{}\u{7}",
        file.len(),
        cells.width,
        cells.height,
        STANDARD.encode(&file)
    )
}
