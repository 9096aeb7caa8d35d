// Usage: node onnx_page.mjs folder model.onnx cases.json times
// Prints for each case the least milliseconds of `times` readings, in WebAssembly on one thread.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, file, cases, times] = process.argv.slice(2);
const dist = pathToFileURL(`${folder}/node_modules/onnxruntime-web/dist/`).href;
const ort = await import(`${dist}ort.wasm.min.mjs`);
Object.assign(ort.env.wasm, { numThreads: 1, wasmPaths: dist });
const session = await ort.InferenceSession.create(new Uint8Array(readFileSync(file)));

const found = [];
for (const ids of JSON.parse(readFileSync(cases, "utf8"))) {
  const tensor = new ort.Tensor("int64", BigInt64Array.from(ids, BigInt), [1, ids.length]);
  let ms = Infinity;
  for (let i = 0; i < Number(times); i++) {
    const start = performance.now();
    await session.run({ ids: tensor });
    ms = Math.min(ms, performance.now() - start);
  }
  found.push(ms);
}
console.log(JSON.stringify(found));
