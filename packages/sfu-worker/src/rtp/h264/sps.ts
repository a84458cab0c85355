import { byteAt } from '../bytes.ts';
import { BitReader, unescapeRbsp } from '../nal/bit-reader.ts';
import { H264_NAL } from './nal.ts';

/** What an H.264 sequence parameter set says about the picture. */
export type H264Sps = {
  readonly id: number;
  readonly profileIdc: number;
  /** constraint_set0_flag is the top bit. */
  readonly constraintFlags: number;
  readonly levelIdc: number;
  /** Pixels, after cropping. */
  readonly width: number;
  readonly height: number;
  /** From the VUI timing, frames a second; undefined when the stream does not say. */
  readonly framesPerSecond: number | undefined;
};

/** Real ones have some tens of bytes. */
const MAX_SPS_BYTES = 4096;
/** H.264 table A-1: no level allows a side of more macroblocks. */
const MAX_SIDE_MBS = 1055;
const MAX_REF_FRAMES_IN_CYCLE = 255;
const MAX_SPS_ID = 31;
const EXTENDED_SAR = 255;
/** Profiles whose SPS has the chroma and scaling fields (H.264 §7.3.2.1.1). */
const HIGH_PROFILES = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);

/**
 * Parses an SPS NAL unit (H.264 §7.3.2.1, header byte first, no start code). Undefined for anything that is not a
 * sensible one; never throws. A broken VUI costs the frame rate only, for cameras do send them.
 */
export function parseSps(nal: Buffer): H264Sps | undefined {
  if (nal.length < 5 || nal.length > MAX_SPS_BYTES || (byteAt(nal, 0) & 0x1f) !== H264_NAL.SPS) return undefined;
  const reader = new BitReader(unescapeRbsp(nal, 1, nal.length));
  const profileIdc = reader.bits(8);
  const constraintFlags = reader.bits(8);
  const levelIdc = reader.bits(8);
  const id = reader.ue();

  let chromaArrayType = 1;
  if (HIGH_PROFILES.has(profileIdc)) {
    const chromaFormat = reader.ue();
    if (chromaFormat > 3) return undefined;
    const hasSeparatePlanes = chromaFormat === 3 && reader.flag();
    chromaArrayType = hasSeparatePlanes ? 0 : chromaFormat;
    reader.ue(); // bit_depth_luma_minus8
    reader.ue(); // bit_depth_chroma_minus8
    reader.skip(1); // qpprime_y_zero_transform_bypass_flag
    if (reader.flag()) skipScalingMatrix(reader, chromaFormat === 3 ? 12 : 8);
  }

  reader.ue(); // log2_max_frame_num_minus4
  if (!skipPictureOrder(reader)) return undefined;
  reader.ue(); // max_num_ref_frames
  reader.skip(1); // gaps_in_frame_num_value_allowed_flag
  const widthMbs = reader.ue() + 1;
  const heightMapUnits = reader.ue() + 1;
  const isFrameMbsOnly = reader.flag();
  if (!isFrameMbsOnly) reader.skip(1); // mb_adaptive_frame_field_flag
  reader.skip(1); // direct_8x8_inference_flag
  const fieldFactor = isFrameMbsOnly ? 1 : 2;
  const heightMbs = heightMapUnits * fieldFactor;
  if (id > MAX_SPS_ID || widthMbs > MAX_SIDE_MBS || heightMbs > MAX_SIDE_MBS) return undefined;

  let width = 16 * widthMbs;
  let height = 16 * heightMbs;
  if (reader.flag()) {
    // §7.4.2.1.1, CropUnitX and CropUnitY
    const unitX = chromaArrayType === 1 || chromaArrayType === 2 ? 2 : 1;
    const unitY = (chromaArrayType === 1 ? 2 : 1) * fieldFactor;
    width -= unitX * (reader.ue() + reader.ue());
    height -= unitY * (reader.ue() + reader.ue());
  }
  if (width <= 0 || height <= 0) return undefined;
  const hasVui = reader.flag();
  if (reader.overrun) return undefined;

  const framesPerSecond = hasVui ? readFrameRate(reader) : undefined;
  return { id, profileIdc, constraintFlags, levelIdc, width, height, framesPerSecond };
}

/** @returns false when a count is beyond what the standard allows. */
function skipPictureOrder(reader: BitReader): boolean {
  const type = reader.ue();
  if (type === 0) reader.ue(); // log2_max_pic_order_cnt_lsb_minus4
  if (type === 1) {
    reader.skip(1); // delta_pic_order_always_zero_flag
    reader.se(); // offset_for_non_ref_pic
    reader.se(); // offset_for_top_to_bottom_field
    const count = reader.ue();
    if (count > MAX_REF_FRAMES_IN_CYCLE) return false;
    for (let i = 0; i < count; i++) reader.se();
  }
  return type <= 2;
}

function skipScalingMatrix(reader: BitReader, lists: number): void {
  for (let list = 0; list < lists; list++) {
    if (!reader.flag()) continue;
    const size = list < 6 ? 16 : 64;
    let next = 8;
    for (let i = 0; i < size && next !== 0; i++) next = (((next + reader.se()) % 256) + 256) % 256; // §7.3.2.1.1.1
  }
}

/** H.264 §E.1.1, up to the timing. */
function readFrameRate(reader: BitReader): number | undefined {
  if (reader.flag() && reader.bits(8) === EXTENDED_SAR) reader.skip(32); // aspect ratio
  if (reader.flag()) reader.skip(1); // overscan
  if (reader.flag()) {
    reader.skip(4); // video_format, video_full_range_flag
    if (reader.flag()) reader.skip(24); // colours
  }
  if (reader.flag()) {
    reader.ue(); // chroma sample location, top
    reader.ue(); // and bottom field
  }
  if (!reader.flag()) return undefined;
  const unitsInTick = reader.bits(32);
  const timeScale = reader.bits(32);
  if (reader.overrun || unitsInTick === 0 || timeScale === 0) return undefined;
  return timeScale / (2 * unitsInTick); // a tick is a field
}
