/** How large a portrait may be. Configured; these are the defaults, and what the offline renderer keeps to. */
export interface PortraitLimits {
  /** Of the file as it was sent. */
  maxBytes: number;
  /** Width times height, judged before anything is decoded. */
  maxPixels: number;
}

/** A phone's best JPEG is about 12 MB; today's phones take 48 megapixels, more is a mistake or a decompression bomb. */
export const DEFAULT_PORTRAIT_LIMITS: Readonly<PortraitLimits> = { maxBytes: 15_000_000, maxPixels: 50_000_000 };
