// Bundles what explorables share, every explorable, the predictions, the host script and the styles
// into one folder. Usage: node build.mjs [outdir]      (default: the package's static folder)
//
// Each front end becomes one classic script that registers itself under its name, because pages
// opened from file:// may not import modules. What two or more explorables take from js/lib is a
// script of its own, core.js, which runs before them: an edit to a helper changes one bundle, and a
// page loads it once. The Python class puts the two together and appends the export that anywidget
// needs, so Jupyter and the page run the same bytes.
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const outdir = process.argv[2] ?? join(here, "..", "src", "incontext", "explorables", "static");
const shared = { bundle: true, minify: true, target: "es2020", charset: "utf8", legalComments: "none" };

const scripts = (folder) => readdirSync(join(here, folder)).filter((name) => name.endsWith(".js")).sort();
const fronts = scripts("explorables");
const styles = ["theme.css", "prediction.css"];

const LIBRARY_IMPORT = /^import (\{[^}]*\}) from "(?:\.\.\/lib|\.)\/([\w-]+\.js)";$/gm;
const source = (path) => readFileSync(path, "utf8");
const taken = (path) => [...source(path).matchAll(LIBRARY_IMPORT)].map(([, , file]) => file);

/** The files of js/lib that two or more explorables take something from, and what these need. */
function sharedFiles() {
  const users = fronts.flatMap((name) => taken(join(here, "explorables", name)));
  const core = new Set(users.filter((file, i) => users.indexOf(file) !== i));
  for (const file of core) for (const needed of taken(join(here, "lib", file))) core.add(needed);
  return [...core].sort();
}

// What runs beside the page, as text that a blob holds: the training run's worker, with the engine as
// readers see it, and the one that reads a sentence of theirs.
const worker = await build({ ...shared, entryPoints: [join(here, "engine", "worker.js")], write: false, format: "iife" });
const reader = await build({ ...shared, entryPoints: [join(here, "engine", "reading-worker.js")], write: false, format: "iife" });
const define = {
  READER_SOURCE: JSON.stringify(reader.outputFiles[0].text),
  WORKER_SOURCE: JSON.stringify(worker.outputFiles[0].text),
  ENGINE_SOURCE: JSON.stringify(source(join(here, "engine", "transformer.js"))),
};

/** What `code` says becomes the script `name`. */
const bundle = (name, code, plugins = []) => build({
  ...shared,
  plugins,
  define,
  stdin: { contents: code, resolveDir: here },
  outfile: join(outdir, `${name}.js`),
  format: "iife",
});

const core = await Promise.all(sharedFiles().map(async (file) => [file, Object.keys(await import(`./lib/${file}`))]));
await bundle("core", `${core.map(([file, names]) => `import { ${names} } from "./lib/${file}";`).join("\n")}
  globalThis.incontextCore = { ${core.map(([, names]) => names)} };`);

/** An import of what core.js holds becomes a look at it. */
const fromCore = {
  name: "from-core",
  setup({ onLoad, onResolve }) {
    const isShared = (file) => core.some(([one]) => one === file);
    onLoad({ filter: /[\\/](explorables|lib|engine)[\\/][\w-]+\.js$/ }, ({ path }) => ({
      contents: source(path).replace(LIBRARY_IMPORT, (whole, names, file) =>
        isShared(file) ? `const ${names} = incontextCore;` : whole),
    }));
    onResolve({ filter: /^\.\.?\// }, ({ path, importer }) => isShared(basename(path)) && importer !== "<stdin>" ? {
      errors: [{ text: `${importer}: write import { names } from "${path}"; as its own statement` }],
    } : undefined);
  },
};

for (const file of [...fronts.map((name) => `explorables/${name}`), "prediction.js"]) {
  const name = basename(file, ".js");
  await bundle(name, `import frontEnd from "./${file}";
    (globalThis.incontextExplorables ??= {})["${name}"] = frontEnd;`, [fromCore]);
}
await bundle("host", 'import "./host.js";');
await bundle("reading", 'import "./reading.js";');

const colours = JSON.parse(source(join(here, "..", "src", "incontext", "palette.json")));

/** palette(dark ink) in a style becomes the colour. */
const fromPalette = {
  name: "from-palette",
  setup({ onLoad }) {
    onLoad({ filter: /\.css$/ }, ({ path }) => ({
      loader: "css",
      contents: source(path).replace(/palette\((\w+) ([\w-]+)\)/g, (whole, theme, name) => {
        if (!colours[theme]?.[name]) throw new Error(`${basename(path)}: ${whole} is not in palette.json`);
        return colours[theme][name];
      }),
    }));
  },
};
for (const style of styles) {
  await build({ ...shared, plugins: [fromPalette], entryPoints: [join(here, style)], outfile: join(outdir, style) });
}

// Written over and not cleared first: a kernel may be reading. What is left over goes now.
const built = new Set([...fronts, "core.js", "prediction.js", "host.js", "reading.js", ...styles]);
for (const name of readdirSync(outdir)) if (!built.has(name)) rmSync(join(outdir, name));
