/** What an inspector says about one RTP payload: bits to be or-ed. */
export const FRAME = {
  /** A decoder can begin with this payload: it opens a keyframe or the parameter sets before it. Audio: always. */
  KEYFRAME_START: 1,
  /** Holds a whole sequence parameter set (H.264, H.265). */
  HAS_SPS: 2,
  /** Holds a whole picture parameter set (H.264, H.265). */
  HAS_PPS: 4,
  /** Holds a whole video parameter set (H.265). */
  HAS_VPS: 8,
  /** Holds a keyframe's slice or a part of one: IDR in H.264, IRAP in H.265. */
  HAS_IDR: 16,
  /** Holds the beginning of a picture: its first slice, or for VP8, VP9 the first packet of its base layer. */
  PICTURE_START: 32,
} as const;
