import { AppError } from '../../client/src/protocol/index.ts';
import type { BenchOptions } from './options.ts';

export async function run(_options: BenchOptions): Promise<number> {
  throw new AppError('internal', '`gioconda bench` is not built yet');
}
