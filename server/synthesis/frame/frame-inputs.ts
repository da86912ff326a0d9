/** Which class makes each input of a frame graph, by the input's name. */
import type { FrameInputs, FrameInputsOptions } from '../model/FrameInputs.ts';
import { GeometryInputs } from '../warp/GeometryInputs.ts';
import { LandmarkInputs } from './LandmarkInputs.ts';

const producers: readonly { names: readonly string[]; create(options: FrameInputsOptions): FrameInputs }[] = [
  { names: GeometryInputs.names, create: (options) => new GeometryInputs(options) },
  { names: LandmarkInputs.names, create: (options) => new LandmarkInputs(options) },
];

/** Only the producers of which something is wanted: flows cost milliseconds a frame, landmarks nothing. */
export function createFrameInputs(wanted: readonly string[], options: FrameInputsOptions): FrameInputs[] {
  return producers.filter(({ names }) => names.some((name) => wanted.includes(name))).map(({ create }) => create(options));
}
