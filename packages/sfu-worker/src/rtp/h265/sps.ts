import { byteAt } from '../bytes.ts';
import { BitReader, unescapeRbsp } from '../nal/bit-reader.ts';
import { H265_NAL } from './nal.ts';

/** What an H.265 sequence parameter set says about the picture. */
export type H265Sps = {
  readonly id: number;
  readonly profileIdc: number;
  /** 0 main, 1 high: `tier-flag` of RFC 7798 §7.1. */
  readonly tierFlag: number;
  /** 30 times the level: `level-id` of RFC 7798 §7.1. */
  readonly levelIdc: number;
  /** Pixels, inside the conformance window. */
  readonly width: number;
  readonly height: number;
};

/** Real ones have some tens of bytes. */
const MAX_SPS_BYTES = 4096;
/** H.265 §A.4.1: a side is at most the root of 8 · MaxLumaPs, which is 35,651,584 at level 6.2. */
const MAX_SIDE_PIXELS = 16_888;
const MAX_SPS_ID = 15;

/**
 * Parses an SPS NAL unit (H.265 §7.3.2.2, both header bytes first, no start code), up to the picture size. Undefined for
 * anything that is not a sensible one; never throws.
 */
export function parseH265Sps(nal: Buffer): H265Sps | undefined {
  if (nal.length < 6 || nal.length > MAX_SPS_BYTES || ((byteAt(nal, 0) >> 1) & 0x3f) !== H265_NAL.SPS) return undefined;
  const reader = new BitReader(unescapeRbsp(nal, 2, nal.length));
  reader.skip(4); // sps_video_parameter_set_id
  const subLayers = reader.bits(3); // sps_max_sub_layers_minus1
  reader.skip(1); // sps_temporal_id_nesting_flag
  reader.skip(2); // general_profile_space
  const tierFlag = reader.bits(1);
  const profileIdc = reader.bits(5);
  reader.skip(32 + 48); // compatibility and constraint flags
  const levelIdc = reader.bits(8);
  skipSubLayers(reader, subLayers);

  const id = reader.ue();
  const chromaFormat = reader.ue();
  const hasSeparatePlanes = chromaFormat === 3 && reader.flag();
  let width = reader.ue();
  let height = reader.ue();
  if (id > MAX_SPS_ID || chromaFormat > 3 || width > MAX_SIDE_PIXELS || height > MAX_SIDE_PIXELS) return undefined;
  if (reader.flag()) {
    // §7.4.3.2.1, SubWidthC and SubHeightC
    const chroma = hasSeparatePlanes ? 0 : chromaFormat;
    width -= (chroma === 1 || chroma === 2 ? 2 : 1) * (reader.ue() + reader.ue());
    height -= (chroma === 1 ? 2 : 1) * (reader.ue() + reader.ue());
  }
  if (reader.overrun || width <= 0 || height <= 0) return undefined;
  return { id, profileIdc, tierFlag, levelIdc, width, height };
}

/** H.265 §7.3.3, profile_tier_level after the general part. */
function skipSubLayers(reader: BitReader, subLayers: number): void {
  if (subLayers === 0) return;
  const present = reader.bits(16); // two flags a layer, for 8 layers
  for (let layer = 0; layer < subLayers; layer++) {
    if ((present & (0x8000 >> (2 * layer))) !== 0) reader.skip(88); // profile
    if ((present & (0x4000 >> (2 * layer))) !== 0) reader.skip(8); // level
  }
}
