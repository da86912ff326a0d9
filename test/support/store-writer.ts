/** A process that enrols and deletes until it is killed. Before each step it prints what it begins, after it what was acknowledged. */
import { writeSync } from 'node:fs';
import { Store } from '../../server/store/Store.ts';
import { wordAvatar } from './store-avatars.ts';

const [dataDir = '', round = ''] = process.argv.slice(2);
const say = (line: string): void => void writeSync(1, `${line}\n`);

const store = await Store.create({ dataDir });
const mine: string[] = store.avatarsOf('ann').map(({ id }) => id);
say('ready');
for (let n = 0; ; n += 1) {
  if (mine.length > 3 && Math.random() < 0.6) {
    const id = mine.splice(Math.floor(Math.random() * mine.length), 1)[0]!;
    say(`delete ${id}`);
    await store.delete(id);
    say(`deleted ${id}`);
  } else {
    const id = `${round}-${n}`;
    say(`add ${id}`);
    await store.add(wordAvatar(id, { bytes: 1 + Math.floor(Math.random() * 200_000) }));
    say(`added ${id}`);
    mine.push(id);
  }
}
