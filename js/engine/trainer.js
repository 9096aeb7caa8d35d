// Starts a run and keeps what it shows. In a page a worker trains, made of `workerSource`; in Jupyter
// the kernel does, with the loop of incontext.training. Both are told and tell the same.

/** For definition.live of an explorable. choicesOf(values): what the run is made with. */
export function trainer({ model, data, values, set, changed }, { workerSource, choicesOf }) {
  const inKernel = typeof model.send === "function";
  const nothing = { status: "none", run: null, at: 0, seconds: 0 };
  let now = nothing;
  let worker = null;
  let source = null; // the address of the worker's text
  let held = false; // while the tab is hidden

  const HEARD = {
    start({ choices }) {
      now = { status: "training", run: emptyRun(choices, data), at: 0, seconds: 0 };
      set({ step: 0 });
    },
    look({ step, loss, accuracy, same, other }, maps) {
      const { run } = now;
      if (!run) return;
      const follows = values().step >= (run.steps.at(-1) ?? 0);
      run.steps.push(step);
      for (const family of run.families) {
        run.loss[family].push(loss[family]);
        run.accuracy[family].push(accuracy[family]);
      }
      run.same.push(same);
      run.other.push(other);
      run.maps.push(maps);
      now = { ...now, at: Math.max(now.at, step) };
      if (follows) set({ step });
    },
    step({ step, seconds, ended }) {
      now = { ...now, at: step, seconds, status: ended ? "ended" : now.status };
    },
    file(_, [bytes]) { offer(bytes, "transformer.safetensors"); },
    // From the kernel alone, where Python or another view may have done it.
    status({ status }) { now = { ...now, status }; },
    forget() {
      now = nothing;
      set({ step: data.last });
    },
  };

  function hear(message, buffers) {
    HEARD[message.kind]?.(message, buffers);
    changed();
  }

  const fromKernel = (message, buffers) =>
    hear(message, (buffers ?? []).map((view) => (message.kind === "file" ? view : new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength)))));

  function tell(message) {
    if (inKernel) model.send({ do: message.do });
    else worker?.postMessage(message);
  }

  function dismiss() {
    worker?.terminate();
    if (source) URL.revokeObjectURL(source);
    worker = source = null;
  }

  function hireWorker() {
    dismiss();
    source = URL.createObjectURL(new Blob([workerSource], { type: "text/javascript" }));
    worker = new Worker(source);
    worker.onmessage = ({ data: message }) => hear(message, message.maps ?? [message.bytes]);
  }

  const become = (status) => {
    now = { ...now, status };
    changed();
  };

  const live = {
    state: () => now,
    unsent: () => (now.status === "none" ? "" : "It has the settings, and not the run that you have trained."),
    train() {
      const choices = choicesOf(values());
      if (!inKernel) {
        hireWorker();
        HEARD.start({ choices });
      }
      const { recorded, two_families, ...needed } = data;
      tell({ do: "train", choices, data: needed });
      changed();
    },
    pause() { tell({ do: "pause" }); become("paused"); },
    goOn() { tell({ do: "go on" }); become("training"); },
    stop() { tell({ do: inKernel ? "stop" : "pause" }); become("stopped"); },
    download() { tell({ do: "file" }); },
    /** Back to the recorded run. */
    reset() {
      if (now.status === "none") return;
      if (inKernel) tell({ do: "forget" });
      dismiss();
      HEARD.forget();
    },
    end() {
      document.removeEventListener("visibilitychange", seen);
      if (inKernel) model.off("msg:custom", fromKernel);
      dismiss();
    },
  };

  function seen() {
    if (document.hidden && now.status === "training") {
      held = true;
      tell({ do: "pause" });
    } else if (!document.hidden && held) {
      held = false;
      if (now.status === "training") tell({ do: "go on" });
    }
  }

  if (inKernel) { // which goes on while nobody looks, as it does with any cell
    model.on("msg:custom", fromKernel);
    model.send({ do: "tell" }); // of a run that is under way
  } else {
    document.addEventListener("visibilitychange", seen);
  }
  return live;
}

function emptyRun(choices, { family_sets }) {
  const families = family_sets[choices.families];
  const lists = () => Object.fromEntries(families.map((family) => [family, []]));
  return { choices, families, steps: [], loss: lists(), accuracy: lists(), same: [], other: [], maps: [] };
}

/** Saves bytes as a file of the reader's. */
function offer(bytes, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
