/** What pytest's report says: counts, and why tests were skipped. */

const entities = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const plain = (text) =>
  text
    .replace(/&#(x?)([0-9a-f]+);/gi, (_, hex, code) => String.fromCodePoint(Number.parseInt(code, hex ? 16 : 10)))
    .replace(/&(amp|lt|gt|quot|apos);/g, (_, name) => entities[name]);
const attribute = (tag, name) => plain(new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1] ?? '');

/**
 * @param {string} xml as `pytest --junitxml` writes it
 * @returns {{ passed: number, failed: number, skipped: { name: string, reason: string }[] }} errors count as failures
 */
export function readJUnit(xml) {
  let [passed, failed] = [0, 0];
  const skipped = [];
  for (const [, head, body = ''] of xml.matchAll(/<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)) {
    const skip = /<skipped\b[^>]*>/.exec(body)?.[0];
    if (/<(failure|error)\b/.test(body)) failed++;
    else if (skip) skipped.push({ name: nameOf(head), reason: reasonOf(skip, body) });
    else passed++;
  }
  return { passed, failed, skipped };
}

/** Of a module that was skipped as a whole the reason stands in the text, as Python shows a tuple. */
function reasonOf(skip, body) {
  const message = attribute(skip, 'message');
  const told = message === 'collection skipped' ? /['"]Skipped: (.*)['"]\)/.exec(plain(body))?.[1] : undefined;
  return (told ?? message).replace(/^SKIPPED: /, '');
}

/** A module that was skipped as a whole has no class. */
function nameOf(head) {
  const [file, name] = [attribute(head, 'classname'), attribute(head, 'name')];
  return file ? `${file.replaceAll('.', '/')}.py > ${name}` : `${name.replaceAll('.', '/')}.py`;
}
