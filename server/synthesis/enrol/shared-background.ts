/** Several portraits before one background, so that it stays put when a model goes over from one to another. */
import { separateLayers } from './layers.ts';
import type { PersonLayers } from './layers.ts';
import type { PreparedPortrait } from '../../portraits/crop.ts';

/**
 * All before the base portrait's own background; those without a matte as they are, and all if it is the base that has none.
 * @param baseLayers the base portrait taken apart, for callers that need it themselves; asked for only if there are others
 */
export function shareBackground(
  portraits: readonly PreparedPortrait[],
  base: number,
  baseLayers: () => PersonLayers | null = () => separateLayers(portraits[base]!),
): readonly PreparedPortrait[] {
  if (portraits.length === 1) return portraits;
  const plate = baseLayers()?.background;
  return plate ? portraits.map((portrait, k) => (k === base ? portrait : before(portrait, plate))) : portraits;
}

/** Only the backgrounds' difference is laid over: where they agree, and where the person is, not a pixel changes. */
function before(portrait: PreparedPortrait, plate: Float32Array): PreparedPortrait {
  const layers = separateLayers(portrait);
  if (!layers) return portrait;
  const { image } = portrait;
  const n = image.width * image.height;
  const data = Uint8Array.from(image.data, (v, i) => {
    const [pixel, c] = [Math.floor(i / 3), i % 3];
    const difference = plate[c * n + pixel]! - layers.background[c * n + pixel]!;
    return Math.round(Math.min(255, Math.max(0, v + 255 * (1 - layers.alpha[pixel]!) * difference)));
  });
  return { ...portrait, image: { ...image, data } };
}
