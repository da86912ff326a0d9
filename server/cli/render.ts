import { AppError } from '../../client/src/protocol/index.ts';
import type { RenderOptions } from './options.ts';

export async function run(_options: RenderOptions): Promise<number> {
  throw new AppError('internal', '`gioconda render` is not built yet');
}
