use image::codecs::webp::WebPEncoder;
use image::{GenericImageView as _, ImageEncoder as _, Rgb, RgbImage, Rgba, RgbaImage};
use proptest::prelude::*;

use super::*;

/// Left half red, right half blue.
fn halves(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| match x < width / 2 {
        true => Rgb([220, 20, 20]),
        false => Rgb([20, 20, 220]),
    })
}

fn written(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let image: DynamicImage = image.into();
    image.write_to(&mut file, format).expect("written");
    file.into_inner()
}

fn read(picture: &Picture) -> DynamicImage {
    let format = image::guess_format(&picture.bytes).expect("a picture");
    image::load_from_memory_with_format(&picture.bytes, format).expect("read")
}

/// Pixels without any pattern, which no encoder makes small.
fn noise(x: u32, y: u32) -> u8 {
    let mixed =
        (x.wrapping_mul(0x9E37_79B9) ^ y.wrapping_mul(0x85EB_CA6B)).wrapping_mul(0xC2B2_AE35);
    (mixed >> 24) as u8
}

#[test]
fn each_kind_is_made_a_small_jpeg() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        let picture = make(&written(halves(1200, 600), format)).expect("made");
        assert_eq!((picture.width, picture.height), (800, 400), "{format:?}");
        assert!(picture.bytes.len() <= MAX_BYTES);
        assert!(picture.name.is_of(&picture.bytes));
        assert_eq!(picture.name.format(), Format::Jpeg);
        let made = read(&picture);
        assert_eq!((made.width(), made.height()), (800, 400));
        let Rgba([red, _, blue, _]) = made.get_pixel(100, 200);
        assert!(red > 180 && blue < 80, "{format:?}: {red} {blue}");
    }
}

#[test]
fn a_small_one_stays_as_small_and_the_same_comes_to_the_same_name() {
    let file = written(halves(40, 30), ImageFormat::Png);
    let (one, two) = (make(&file).expect("made"), make(&file).expect("made"));
    assert_eq!((one.width, one.height), (40, 30));
    assert_eq!(one.name, two.name);
    let sliver = make(&written(halves(4000, 1), ImageFormat::Png)).expect("made");
    assert_eq!((sliver.width, sliver.height), (800, 1));
}

#[test]
fn holes_stay_and_an_alpha_without_holes_makes_a_jpeg() {
    let clear = RgbaImage::from_fn(64, 64, |x, _| {
        Rgba([200, 0, 0, if x < 32 { 0 } else { 255 }])
    });
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        let picture = make(&written(clear.clone(), format)).expect("made");
        assert_eq!(picture.name.format(), Format::Png);
        assert_eq!(read(&picture).get_pixel(0, 0).0[3], 0);
    }
    let full = RgbaImage::from_pixel(64, 64, Rgba([1, 2, 3, 255]));
    let picture = make(&written(full, ImageFormat::Png)).expect("made");
    assert_eq!(picture.name.format(), Format::Jpeg);
}

#[test]
fn what_no_encoder_makes_small_is_made_smaller() {
    let opaque = RgbImage::from_fn(900, 900, |x, y| {
        Rgb([noise(x, y), noise(x + 7, y), noise(x, y + 7)])
    });
    let clear = RgbaImage::from_fn(900, 900, |x, y| {
        Rgba([
            noise(x, y),
            noise(x + 7, y),
            noise(x, y + 7),
            noise(x + 3, y + 3),
        ])
    });
    for file in [
        written(opaque, ImageFormat::Png),
        written(clear, ImageFormat::Png),
    ] {
        let picture = make(&file).expect("made");
        assert!(picture.bytes.len() <= MAX_BYTES, "{}", picture.bytes.len());
        assert!(
            picture.width < SIDE && picture.width >= 150,
            "{}",
            picture.width
        );
    }
}

/// A JPEG with an EXIF segment that says how the camera was held, where, and by whom.
fn held(orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01".to_vec();
    exif.extend([
        0x01,
        0x12,
        0,
        3,
        0,
        0,
        0,
        1,
        0,
        orientation,
        0,
        0,
        0,
        0,
        0,
        0,
    ]);
    exif.extend(b"GPS 35.6812,139.7671");
    let file = written(halves(64, 32), ImageFormat::Jpeg);
    let length = u16::try_from(exif.len() + 2).expect("short").to_be_bytes();
    let mut out = file[..2].to_vec();
    out.extend([0xff, 0xe1]);
    out.extend(length);
    out.extend(exif);
    out.extend(&file[2..]);
    out
}

#[test]
fn it_is_turned_upright_and_tells_nothing_else() {
    let file = held(6);
    assert!(file.windows(3).any(|part| part == b"GPS"));
    let picture = make(&file).expect("made");
    // Turned by a quarter to the right: what was left is on top.
    assert_eq!((picture.width, picture.height), (32, 64));
    let made = read(&picture);
    let (top, bottom) = (made.get_pixel(16, 8).0, made.get_pixel(16, 56).0);
    assert!(top[0] > 150 && bottom[2] > 150, "{top:?} {bottom:?}");
    for told in [&b"Exif"[..], b"GPS"] {
        assert!(!picture.bytes.windows(told.len()).any(|part| part == told));
    }
}

#[test]
fn other_kinds_are_refused_whatever_they_say() {
    let gif =
        b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
    for other in [
        &b""[..],
        b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>",
        b"<!doctype html><script>alert(1)</script>",
        gif,
        b"BM\x3a\0\0\0\0\0\0\0",
        b"%PDF-1.7",
    ] {
        assert!(matches!(make(other), Err(Unusable::Kind)), "{other:?}");
    }
}

#[test]
fn a_script_behind_a_picture_is_left_behind() {
    let mut file = written(halves(20, 20), ImageFormat::Png);
    file.extend(b"<script>alert(1)</script>");
    let picture = make(&file).expect("made");
    assert!(!picture.bytes.windows(7).any(|part| part == b"<script"));
}

/// The head of a PNG that says that it has this many pixels, and a few bytes for them.
fn png_bomb(width: u32, height: u32) -> Vec<u8> {
    let mut file = written(halves(2, 2), ImageFormat::Png);
    file[16..20].copy_from_slice(&width.to_be_bytes());
    file[20..24].copy_from_slice(&height.to_be_bytes());
    let checksum = crc32(&file[12..29]);
    file[29..33].copy_from_slice(&checksum.to_be_bytes());
    file
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (0u32.wrapping_sub(crc & 1)))
        })
    })
}

#[test]
fn a_bomb_is_refused_by_its_head() {
    for (width, height) in [(60_000, 60_000), (20_000, 10), (6_000, 5_000)] {
        let refused = make(&png_bomb(width, height));
        let Err(Unusable::Pixels(..) | Unusable::Damaged(_)) = refused else {
            panic!("{width}×{height}: {refused:?}");
        };
    }
    // The head alone was read: a real one of this size would take 100 MB.
    let refused = make(&png_bomb(6_000, 5_000));
    assert!(
        matches!(refused, Err(Unusable::Pixels(6_000, 5_000))),
        "{refused:?}"
    );
}

#[test]
fn one_that_was_cut_off_is_refused_or_made_of_what_is_there() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        let file = written(halves(200, 200), format);
        for length in [
            0,
            1,
            4,
            12,
            20,
            file.len() / 4,
            file.len() / 2,
            file.len() - 3,
        ] {
            if let Ok(picture) = make(&file[..length.min(file.len())]) {
                assert!(picture.bytes.len() <= MAX_BYTES, "{format:?} {length}");
            }
        }
        assert!(make(&file[..20]).is_err(), "{format:?}");
    }
}

#[test]
fn an_animation_is_its_first_frame() {
    let mut file = Vec::new();
    let frame = halves(16, 16);
    let kind = image::ExtendedColorType::Rgb8;
    let encoder = WebPEncoder::new_lossless(&mut file);
    encoder.write_image(&frame, 16, 16, kind).expect("written");
    let picture = make(&file).expect("made");
    assert_eq!((picture.width, picture.height), (16, 16));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_bytes_are_refused_or_made_small(bytes in proptest::collection::vec(any::<u8>(), 0..600), kind in 0..4usize) {
        let heads: [&[u8]; 4] = [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\x20\0\0\0WEBP"];
        let file = [heads[kind], &bytes].concat();
        if let Ok(picture) = make(&file) {
            prop_assert!(picture.bytes.len() <= MAX_BYTES);
        }
    }

    #[test]
    fn a_picture_with_any_bytes_changed_is_refused_or_made_small(
        changes in proptest::collection::vec((0..4_000usize, any::<u8>()), 1..12), kind in 0..3usize,
    ) {
        let format = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP][kind];
        let mut file = written(halves(48, 48), format);
        let length = file.len();
        for (at, byte) in changes {
            file[at % length] = byte;
        }
        if let Ok(picture) = make(&file) {
            prop_assert!(picture.bytes.len() <= MAX_BYTES && picture.width.max(picture.height) <= SIDE);
        }
    }
}
