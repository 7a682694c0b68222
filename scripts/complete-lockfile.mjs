// Adds entries for optional packages of foreign platforms that `npm install` left out of package-lock.json.
//
// npm drops an optional package from the lock when the registry it talks to does not serve it, and `npm ci`
// then refuses the lock as incomplete. An entry with a name, a version and a foreign `os` satisfies it.
// Run after every `npm install` (make lock); the lock is rewritten only when something was missing.
import { readFileSync, writeFileSync } from 'node:fs';

const LOCK = new URL('../package-lock.json', import.meta.url);
const SYSTEMS = 'aix android darwin freebsd linux netbsd openbsd openharmony sunos win32'.split(' ');

/** The operating system a platform package is for, read from its name; undefined when the name says none. */
function systemOf(name) {
  return name.split(/[/-]/).find((word) => SYSTEMS.includes(word));
}

function stub(name, version, parent) {
  const os = systemOf(name);
  return { version, ...(parent.dev ? { dev: true } : {}), optional: true, ...(os ? { os: [os] } : {}) };
}

const lock = JSON.parse(readFileSync(LOCK, 'utf8'));
const added = [];
for (const [where, parent] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const hoisted = `node_modules/${name}`;
    if (lock.packages[hoisted] || lock.packages[`${where}/${hoisted}`]) continue;
    lock.packages[hoisted] = stub(name, version, parent);
    added.push(name);
  }
}
if (added.length > 0) {
  lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(LOCK, `${JSON.stringify(lock, null, 2)}\n`);
}
console.log(`package-lock.json: ${added.length} foreign-platform entries added`);
