import { AppError } from '../../client/src/protocol/index.ts';
import type { EnrolOptions } from './options.ts';

export async function run(_options: EnrolOptions): Promise<number> {
  throw new AppError('internal', '`gioconda enrol` is not built yet');
}
