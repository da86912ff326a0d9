/** A ratio of whole numbers: FFmpeg's rationals, for example seconds per tick. */
export interface Fraction {
  num: number;
  den: number;
}
