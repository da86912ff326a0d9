import { AppError } from '../../client/src/protocol/index.ts';
import type { StartOptions } from './options.ts';

export async function run(_options: StartOptions): Promise<number> {
  throw new AppError('internal', '`gioconda start` is not built yet');
}
