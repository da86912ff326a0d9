/** Planar 4:2:0 pictures, BT.601 limited range (ITU-R BT.601-7): what encoders take and what frame graphs give. */

const clampToByte = (value: number): number => (value < 0 ? 0 : value > 255 ? 255 : value);

/** For previews and files, not for the hot path. @returns [height, width, 3] sRGB 0..255. */
export function i420ToRgb(i420: Uint8Array, width: number, height: number): Uint8Array {
  const rgb = new Uint8Array(width * height * 3);
  const half = width / 2;
  const uAt = width * height;
  const vAt = uAt + half * (height / 2);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const chroma = (y >> 1) * half + (x >> 1);
      const luma = 1.164383 * (i420[y * width + x]! - 16);
      const u = i420[uAt + chroma]! - 128;
      const v = i420[vAt + chroma]! - 128;
      const at = (y * width + x) * 3;
      rgb[at] = clampToByte(Math.round(luma + 1.596027 * v));
      rgb[at + 1] = clampToByte(Math.round(luma - 0.391762 * u - 0.812968 * v));
      rgb[at + 2] = clampToByte(Math.round(luma + 2.017232 * u));
    }
  }
  return rgb;
}
