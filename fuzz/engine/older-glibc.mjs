/**
 * jazzer.js's prebuilt addon wants glibc 2.38 and libstdc++ 3.4.32 for three symbols whose older forms do as well:
 * `strtol` and `strtoul` in C23's dress, and a start-up hook of iostreams that newer libraries run by themselves. Where the
 * C library is older, a copy of the addon that asks for the older forms is loaded in its place; the package stays as it is.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const DYNSYM = 11;
const VERSION_NEEDS = 0x6ffffffe;
const VERSIONS = 0x6fffffff;
const SYMBOL_BYTES = 24;
const WEAK = 2;

/** The older name lies inside the newer one: nothing of the string table has to change. */
const insideOfName = { __isoc23_strtol: '__isoc23_'.length, __isoc23_strtoul: '__isoc23_'.length };
/** Called without arguments once; any function without effect stands in. */
const startUpHook = '_ZSt21ios_base_library_initv';
const standIn = 'getpid';
const tooNew = ['GLIBC_2.38', 'GLIBCXX_3.4.32'];

function isOlderThan238() {
  const { glibcVersionRuntime } = process.report.getReport().header;
  if (glibcVersionRuntime === undefined) return false;
  const [major, minor] = glibcVersionRuntime.split('.').map(Number);
  return major < 2 || (major === 2 && minor < 38);
}

/** ELF, 64 bits, little endian: section headers as the System V ABI has them. */
function sectionsOf(elf) {
  const at = Number(elf.readBigUInt64LE(0x28));
  const bytes = elf.readUInt16LE(0x3a);
  return Array.from({ length: elf.readUInt16LE(0x3c) }, (_, index) => {
    const header = at + index * bytes;
    return {
      type: elf.readUInt32LE(header + 4),
      at: Number(elf.readBigUInt64LE(header + 24)),
      size: Number(elf.readBigUInt64LE(header + 32)),
      link: elf.readUInt32LE(header + 40),
      info: elf.readUInt32LE(header + 44),
    };
  });
}

function withOlderSymbols(original) {
  const elf = Buffer.from(original);
  const sections = sectionsOf(elf);
  const symbols = sections.find(({ type }) => type === DYNSYM);
  const versions = sections.find(({ type }) => type === VERSIONS);
  const needs = sections.find(({ type }) => type === VERSION_NEEDS);
  const strings = sections[symbols.link].at;
  const text = (offset) => elf.toString('latin1', strings + offset, elf.indexOf(0, strings + offset));

  const places = new Map();
  for (let index = 0; index < symbols.size / SYMBOL_BYTES; index++) {
    const at = symbols.at + index * SYMBOL_BYTES;
    places.set(text(elf.readUInt32LE(at)), { at, versionAt: versions.at + 2 * index });
  }
  const old = places.get(standIn);
  const oldVersion = elf.readUInt16LE(old.versionAt);
  for (const [name, skipped] of Object.entries(insideOfName)) {
    const { at, versionAt } = places.get(name);
    elf.writeUInt32LE(elf.readUInt32LE(at) + skipped, at);
    elf.writeUInt16LE(oldVersion, versionAt);
  }
  const hook = places.get(startUpHook);
  elf.writeUInt32LE(elf.readUInt32LE(old.at), hook.at);
  elf.writeUInt16LE(oldVersion, hook.versionAt);

  // Verneed and Vernaux: the versions that nothing asks for any more may be missing.
  for (let file = needs.at, left = needs.info; left > 0; left--, file += elf.readUInt32LE(file + 12)) {
    let entry = file + elf.readUInt32LE(file + 8);
    for (let count = elf.readUInt16LE(file + 2); count > 0; count--, entry += elf.readUInt32LE(entry + 12)) {
      if (tooNew.includes(text(elf.readUInt32LE(entry + 8)))) elf.writeUInt16LE(WEAK, entry + 4);
    }
  }
  return elf;
}

if (isOlderThan238()) {
  const load = process.dlopen;
  process.dlopen = (module, filename, ...rest) => {
    if (!/fuzzer-linux-x64\.node$/.test(filename)) return load(module, filename, ...rest);
    const folder = fileURLToPath(new URL('../../.fuzz/', import.meta.url));
    const copy = `${folder}fuzzer-linux-x64.node`;
    if (!existsSync(copy)) {
      mkdirSync(folder, { recursive: true });
      writeFileSync(`${copy}.${process.pid}`, withOlderSymbols(readFileSync(filename)));
      renameSync(`${copy}.${process.pid}`, copy);
    }
    return load(module, copy, ...rest);
  };
}
