/** Enrolment over the local data folder, without a server: the store, and one synthesis process for the portraits. */
import type { Config } from '../config/index.ts';
import { Enrolment } from '../enrolment/enrolment.ts';
import { createLog } from '../base/log.ts';
import { knownChoice } from '../setup/index.ts';
import { landmarkFolder } from '../landmarker/landmark-models.ts';
import { Store } from '../store/Store.ts';
import { availableModels } from '../synthesis/model/available-models.ts';
import { EnrolmentWorker } from '../synthesis/process/EnrolmentWorker.ts';

export interface LocalEnrolment {
  enrolment: Enrolment;
  /** Whose the avatars are: the same as of those that are enrolled with the API key. */
  owner: string;
  close(): Promise<void>;
}

export async function openLocalEnrolment(config: Config): Promise<LocalEnrolment> {
  const log = createLog({ logLevel: 'silent' }); // what matters reaches the terminal as an error
  const { model: defaultModel, size } = await knownChoice(config); // if a start chooses others later, it makes their weights from the portraits
  const models = await availableModels(size);
  const store = await Store.create({ dataDir: config.dataDir, quarantineDays: config.store.quarantineDays });
  const backend = new EnrolmentWorker({ log, cacheDir: landmarkFolder(config.cacheDir), models });
  const enrolment = Enrolment.create({ store, backend, limits: config.enrolment, defaultModel });
  return {
    enrolment,
    owner: 'application',
    async close() {
      await enrolment.close();
      await backend.close();
      await store.close();
    },
  };
}
