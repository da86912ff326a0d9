import { landmarkModel } from '../../client/src/protocol/landmark-model.ts';

/** [478, 3] the mean face of the landmark packet's model, upright and centred in a 4 : 3 picture, in units of its width. */
export function meanFace({ width = 0.3, x = 0.5, y = 0.375 } = {}): Float32Array {
  const { mean } = landmarkModel();
  const xs = mean.filter((_, i) => i % 3 === 0);
  const scale = width / (Math.max(...xs) - Math.min(...xs));
  return Float32Array.from(mean, (value, i) => value * scale + [x, y, 0][i % 3]!);
}
