//! A picture made anew from what somebody uploads: nothing of the file itself is kept, so what it
//! held beside the picture (a place, a camera's number, a script) goes nowhere.
//!
//! What comes is not believed: its kind is told from its bytes, its size is read and judged before
//! memory is taken for its pixels, and what cannot be decoded is refused.

use std::io::Cursor;

use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType as PngFilter, PngEncoder};
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, ImageResult, Limits};
use sunakku_common::picture::{Format, MAX_BYTES, PictureName};

/// Pixels of what is uploaded, at most: a phone's camera makes 25 millions.
pub(crate) const MAX_PIXELS: u64 = 25_000_000;
/// Pixels of its longer side, at most.
pub(crate) const MAX_SIDE: u32 = 16_384;
/// Memory that its pixels may take.
const MAX_DECODED_BYTES: u64 = 4 * MAX_PIXELS;
/// Memory that a decoder may take beside them.
const MAX_ALLOC_BYTES: u64 = 256 * 1024 * 1024;
/// Pixels of the longer side of what is kept, at most: twice what the widest screen shows.
pub(crate) const SIDE: u32 = 800;
/// Of 100.
const QUALITY: u8 = 82;
/// A picture whose bytes are too many is tried again with sides this much shorter, percent.
const SHORTER_PERCENT: u32 = 80;

/// A picture as it is kept.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) name: PictureName,
    /// Pixels.
    pub(crate) width: u32,
    /// Pixels.
    pub(crate) height: u32,
    /// At most [`MAX_BYTES`].
    pub(crate) bytes: Bytes,
}

/// Why nothing is made of what was uploaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    /// It is none of the kinds that are taken.
    #[error("this is no PNG, JPEG or WebP picture")]
    Kind,
    /// It has too many pixels.
    #[error("it has {0}×{1} pixels")]
    Pixels(u32, u32),
    /// It cannot be decoded.
    #[error("it cannot be read: {0}")]
    Damaged(String),
}

impl From<image::ImageError> for Unusable {
    fn from(error: image::ImageError) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// The kind, by the first bytes; whatever its name or header said.
fn kind(file: &[u8]) -> Result<ImageFormat, Unusable> {
    let kind = image::guess_format(file).map_err(|_| Unusable::Kind)?;
    let is_taken = matches!(
        kind,
        ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP
    );
    is_taken.then_some(kind).ok_or(Unusable::Kind)
}

/// Makes a picture: upright, no side longer than [`SIDE`], never enlarged, no more than
/// [`MAX_BYTES`]; a JPEG when it is opaque, else a PNG. It may take a second of a core.
///
/// # Errors
/// When it is no picture, has too many pixels, or is damaged.
pub(crate) fn make(file: &[u8]) -> Result<Picture, Unusable> {
    let (image, orientation) = decode(file)?;
    let mut image = fit(image, SIDE);
    image.apply_orientation(orientation);
    let image = match has_holes(&image) {
        true => DynamicImage::ImageRgba8(image.into_rgba8()),
        false => DynamicImage::ImageRgb8(image.into_rgb8()),
    };
    let mut side = SIDE;
    loop {
        let smaller = fit(image.clone(), side);
        let (bytes, format) = encode(&smaller)?;
        if bytes.len() <= MAX_BYTES {
            return Ok(Picture {
                name: PictureName::of(&bytes, format),
                width: smaller.width(),
                height: smaller.height(),
                bytes: bytes.into(),
            });
        }
        // With sides of 200 any pixels fit, as they are.
        side = side * SHORTER_PERCENT / 100;
    }
}

/// Its pixels, and how the camera was held.
fn decode(file: &[u8]) -> Result<(DynamicImage, Orientation), Unusable> {
    let mut reader = ImageReader::with_format(Cursor::new(file), kind(file)?);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_ALLOC_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS
        || width.max(height) > MAX_SIDE
        || decoder.total_bytes() > MAX_DECODED_BYTES
    {
        return Err(Unusable::Pixels(width, height));
    }
    let upright = Orientation::NoTransforms;
    let orientation = decoder.orientation().unwrap_or(upright);
    Ok((DynamicImage::from_decoder(decoder)?, orientation))
}

/// No side longer than this.
fn fit(image: DynamicImage, side: u32) -> DynamicImage {
    match image.width().max(image.height()) > side {
        true => image.resize(side, side, FilterType::CatmullRom),
        false => image,
    }
}

/// Whether one can see through it anywhere.
fn has_holes(image: &DynamicImage) -> bool {
    image.color().has_alpha() && image.to_rgba8().pixels().any(|pixel| pixel.0[3] < u8::MAX)
}

fn encode(image: &DynamicImage) -> ImageResult<(Vec<u8>, Format)> {
    let mut bytes = Vec::new();
    if image.color().has_alpha() {
        let (best, filter) = (CompressionType::Best, PngFilter::Adaptive);
        image.write_with_encoder(PngEncoder::new_with_quality(&mut bytes, best, filter))?;
        return Ok((bytes, Format::Png));
    }
    image.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY))?;
    Ok((bytes, Format::Jpeg))
}

#[cfg(test)]
#[path = "make_tests.rs"]
mod tests;
