// The page: shows the live picture, a photograph or this device's camera, and what the API answers about it.
// Plain modules, without a build step. All text goes in as text, never as HTML.

const by = (id) => document.getElementById(id);
const LONGEST_SENT = 1280; // pixels of a camera's frame
const LONGEST_SHOWN = 2048; // pixels of a photograph on the screen; the whole file is sent
const MOST_LABELS = 8; // faces in a picture that have their answers beside them
const AGAIN = 3000; // milliseconds after which a live picture that was refused is asked for again
const SPOKEN_EVERY = 4000; // milliseconds between two messages to a screen reader, while a video runs
const AGES = ["age", "years"]; // tasks whose value is a number of years
const FIRST = [...AGES, "gender", "smile"];

const state = { view: "", status: null, file: null, blob: null, stream: null, events: null, spoken: ["", -Infinity], run: 0 };

// --- Talking to the API

async function ask(path, options = {}) {
  const response = await fetch(path, options);
  if (response.status === 401) {
    askForToken();
    throw new Error("This page needs its token.");
  }
  const answer = (response.headers.get("content-type") || "").includes("json") ? await response.json() : null;
  if (!response.ok) {
    const detail = answer && answer.detail;
    throw new Error(typeof detail === "string" ? detail : `The page was refused (${response.status}).`);
  }
  return answer;
}

const send = (path, blob) =>
  ask(path, { method: "POST", body: blob, headers: { "Content-Type": "application/octet-stream" } });

async function start() {
  try {
    state.status = await ask("status");
  } catch (error) {
    if (by("login").hidden) complain(`${error.message} Is the page still served? Load it again.`);
    return;
  }
  const { device, networks, source, capture, problem } = state.status;
  by("login").hidden = true;
  by("main").hidden = false;
  by("device").textContent = device.name;
  by("device").title = device.why;
  by("device").hidden = false;
  by("runs-on").textContent = `${device.name}, ${device.runtime}, ${device.precision}`;
  by("networks").textContent = networks.join(", ");
  by("show-live").hidden = !source;
  by("capture").hidden = !capture;
  complain(problem);
  show(source ? "live" : "photo");
}

function askForToken() {
  by("main").hidden = true;
  by("login").hidden = false;
  by("token").focus();
}

by("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  by("login-problem").textContent = "";
  const body = JSON.stringify({ token: by("token").value });
  const response = await fetch("session", { method: "POST", body, headers: { "Content-Type": "application/json" } });
  if (response.ok) {
    by("token").value = "";
    await start();
  } else {
    by("login-problem").textContent = "That is not the token.";
    by("token").select();
  }
});

// --- The three things to look at

function show(view) {
  stop();
  state.view = view;
  for (const name of ["live", "photo", "camera"]) by(`show-${name}`).setAttribute("aria-pressed", String(name === view));
  complain("");
  note("");
  answers(null);
  by("empty").hidden = view !== "photo";
  by("choose-first").hidden = view !== "photo";
  by("empty-text").textContent = "Drop a photograph here";
  by("capture").disabled = true;
  if (view === "live") watch();
  if (view === "camera") openCamera();
}

function stop() {
  state.run += 1;
  if (state.events) state.events.close();
  if (state.stream) for (const track of state.stream.getTracks()) track.stop();
  state.events = state.stream = state.file = state.blob = null;
  by("video").removeAttribute("src");
  by("camera").srcObject = null;
  for (const id of ["video", "camera", "photo"]) by(id).hidden = true;
  by("rate").textContent = by("latency").textContent = "–";
}

function watch() {
  const run = state.run;
  by("video").hidden = false;
  by("capture").disabled = false;
  state.events = new EventSource("events");
  // Also after an interruption, which ends the picture but not the events.
  state.events.onopen = () => (by("video").src = `video?${Date.now()}`);
  state.events.onmessage = (event) => {
    const seen = JSON.parse(event.data);
    answers(seen, true);
    complain("");
    figures(seen.rate, seen.latency);
  };
  state.events.onerror = async () => {
    const gone = state.events.readyState === EventSource.CLOSED;
    if (gone) setTimeout(() => run === state.run && show("live"), AGAIN);
    try {
      const { problem } = await ask("status");
      if (run === state.run) complain(problem || "The live picture has stopped. It goes on by itself when it can.");
    } catch (error) {
      if (run === state.run) complain(error.message);
    }
  };
}

async function openCamera() {
  const run = state.run;
  by("empty").hidden = false;
  by("empty-text").textContent = "Waiting for the camera";
  if (!navigator.mediaDevices) {
    by("empty-text").textContent =
      "A browser gives its camera only to https or to this machine's own page. Forward the port: " +
      `ssh -L ${location.port || 80}:localhost:${location.port || 80} ${location.hostname}, then open http://localhost:${location.port || 80}/.`;
    return;
  }
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, facingMode: "user" } });
  } catch (error) {
    if (run === state.run) by("empty-text").textContent = `The camera cannot be used: ${error.message}.`;
    return;
  }
  if (run !== state.run) {
    for (const track of stream.getTracks()) track.stop();
    return;
  }
  state.stream = stream;
  by("camera").srcObject = stream;
  await by("camera").play();
  by("empty").hidden = true;
  by("camera").hidden = false;
  by("capture").disabled = false;
  await sendFrames(run);
}

async function sendFrames(run) {
  const video = by("camera");
  const canvas = document.createElement("canvas");
  const times = [];
  while (run === state.run) {
    const scale = Math.min(1, LONGEST_SENT / Math.max(video.videoWidth, video.videoHeight));
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.9));
    const begun = performance.now();
    let pause = 60; // milliseconds: a page alone stays below the rate that a client may have
    try {
      const seen = await send("analyze", blob);
      if (run !== state.run) return;
      state.blob = blob;
      times.push(performance.now());
      if (times.length > 20) times.shift();
      complain("");
      answers(seen, true, video);
      const rate = times.length > 1 ? ((times.length - 1) * 1000) / (times[times.length - 1] - times[0]) : 0;
      figures(rate, performance.now() - begun);
    } catch (error) {
      if (run !== state.run) return;
      complain(error.message);
      pause = 2000;
    }
    await new Promise((done) => setTimeout(done, pause));
  }
}

async function photograph(file) {
  if (!file) return;
  show("photo");
  const run = state.run;
  note("Looking for faces");
  try {
    let sent = file;
    let picture = null;
    try {
      picture = await createImageBitmap(file);
    } catch {
      // A format that this browser does not show. The machine that serves the page may read it.
    }
    if (picture) {
      draw(picture, by("photo"), LONGEST_SHOWN);
      by("photo").hidden = false;
      by("empty").hidden = true;
      sent = await smaller(file, picture);
    } else {
      by("empty-text").textContent = "This browser cannot show the photograph";
    }
    const begun = performance.now();
    const seen = await send("analyze", sent);
    if (run !== state.run) return;
    state.file = sent;
    note(seen.cropped && `Taken as one face: ${seen.cropped}.`);
    answers(seen, false, picture ? by("photo") : null);
    figures(0, performance.now() - begun);
    by("capture").disabled = false;
  } catch (error) {
    if (run !== state.run) return;
    note("");
    complain(error.message);
    say(error.message);
  }
}

function draw(picture, canvas, longest) {
  const scale = Math.min(1, longest / Math.max(picture.width, picture.height));
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
}

// A photograph that is larger than the page takes is made smaller here.
async function smaller(file, picture) {
  const { bytes, pixels } = state.status.limits;
  if (file.size <= bytes && picture.width * picture.height <= pixels) return file;
  const canvas = document.createElement("canvas");
  draw(picture, canvas, Math.min(4096, Math.floor(Math.sqrt(pixels))));
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
}

// --- Answers

const seconds = (value) => (value >= 100 ? Math.round(value) : value.toFixed(1));

function figures(rate, latency) {
  by("rate").textContent = rate ? `${rate.toFixed(1)} pictures/s` : "–";
  by("latency").textContent = `${seconds(latency)} ms`;
}

// Without a number of their own, people are counted from left to right.
function inOrder(faces) {
  const left = (face) => (face.box ? face.box.left : 0);
  const sorted = [...faces].sort((a, b) => (a.track ?? 0) - (b.track ?? 0) || left(a) - left(b));
  return sorted.map((face, place) => ({ ...face, number: face.track ?? place + 1 }));
}

function rows(face) {
  const rank = (answer) => (FIRST.indexOf(answer.task) + FIRST.length + 1) % (FIRST.length + 1);
  const tasks = face.answers.map((answer) => answer.task);
  return [...face.answers]
    .sort((a, b) => rank(a) - rank(b))
    .map((answer) => {
      const several = tasks.filter((task) => task === answer.task).length > 1;
      const isAge = AGES.includes(answer.task) && answer.value !== null;
      const task = isAge ? "age" : answer.task;
      return {
        task: several ? `${task} (${answer.network})` : task,
        text: isAge ? `${Math.round(answer.value)} years` : answer.answer,
        sure:
          answer.probability !== null
            ? `${(100 * answer.probability).toFixed(0)} %`
            : answer.standard_deviation !== null
              ? `± ${answer.standard_deviation.toFixed(0)}`
              : "",
        share: answer.probability,
      };
    });
}

const summary = (face) => rows(face).map(({ task, text }) => ({ yes: task, no: `no ${task}` })[text] ?? text).join(", ");

// A thing that was found in the whole picture looks like a face whose only answer is its class.
const thing = ({ network, task, name, score, box }, place) => ({
  box,
  track: null,
  number: place + 1,
  title: name,
  answers: [{ network, task, answer: name, probability: score, value: null, standard_deviation: null }],
});

function answers(seen, moving = false, shown = null) {
  const people = seen ? inOrder(seen.faces) : [];
  const things = seen ? seen.detections.map((each, place) => thing(each, people.length + place)) : [];
  const faces = [...people, ...things];
  by("count").textContent = seen ? String(faces.length) : "";
  by("nobody").hidden = faces.length > 0;
  by("nobody").textContent = !seen ? "Answers appear here." : seen.sought ? "No face in this picture." : "Nothing found in this picture.";
  const list = by("people");
  while (list.children.length > faces.length) list.lastElementChild.remove();
  faces.forEach((face, place) => {
    if (!list.children[place]) list.append(make("li", "card"));
    fill(list.children[place], face);
  });
  frames(shown && seen, faces, shown);
  if (!seen) return;
  const found = [
    ...(seen.sought ? [people.length === 1 ? "1 person" : `${people.length || "No"} people`] : []),
    ...(seen.frame.length ? [things.length === 1 ? "1 thing" : `${things.length || "No"} things`] : []),
  ].join(", ");
  // While a video runs, only a change of who is there is said: answers change with every frame.
  say([found, ...faces.map((face) => `${face.number}: ${summary(face)}`)].join(". "), moving ? found : "");
}

function make(tag, name = "", text = "") {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.textContent = text;
  return element;
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function fill(card, face) {
  const wanted = rows(face);
  const names = wanted.map((row) => row.task + (row.share === null)).join("|");
  if (card.dataset.names !== names) {
    card.dataset.names = names;
    const title = make("h3");
    const badge = make("span", "badge");
    badge.setAttribute("aria-hidden", "true");
    title.append(badge, make("span", "name"));
    const details = make("dl");
    for (const row of wanted) {
      const group = make("div");
      group.append(make("dt", "", row.task), make("dd", "answer"), make("dd", "sure"));
      if (row.share !== null) {
        const bar = make("dd", "bar-of");
        bar.setAttribute("aria-hidden", "true");
        bar.append(make("i"));
        group.append(bar);
      }
      details.append(group);
    }
    card.replaceChildren(title, details);
  }
  put(card.querySelector(".badge"), String(face.number));
  put(card.querySelector(".name"), face.title ?? (face.box ? `Person ${face.number}` : "The whole picture"));
  [...card.querySelectorAll("dl > div")].forEach((group, place) => {
    put(group.querySelector(".answer"), wanted[place].text);
    put(group.querySelector(".sure"), wanted[place].sure);
    const bar = group.querySelector("i");
    if (bar) bar.style.width = `${100 * Math.min(1, wanted[place].share)}%`;
  });
}

// Boxes over the picture `shown`, which may be smaller or larger on the screen than what the API has seen.
function frames(seen, faces, shown) {
  const layer = by("boxes");
  layer.replaceChildren();
  // Where labels would hide one another, the numbers are enough: the list beside the picture has the answers.
  layer.classList.toggle("many", faces.length > MOST_LABELS);
  state.again = seen ? () => frames(seen, faces, shown) : null;
  if (!seen || !shown || shown.hidden) return;
  const [width, height] = shown instanceof HTMLVideoElement
    ? [shown.videoWidth, shown.videoHeight]
    : [shown.width, shown.height];
  const scale = Math.min(shown.clientWidth / width, shown.clientHeight / height);
  Object.assign(layer.style, {
    left: `${shown.offsetLeft + (shown.clientWidth - width * scale) / 2}px`,
    top: `${shown.offsetTop + (shown.clientHeight - height * scale) / 2}px`,
    width: `${width * scale}px`,
    height: `${height * scale}px`,
  });
  for (const face of faces) {
    if (!face.box) continue;
    const { left, top, width: across, height: down } = face.box;
    const box = make("div", "box");
    const label = make("b", "", String(face.number));
    label.append(make("span", "", ` · ${summary(face)}`));
    box.append(label);
    box.classList.toggle("top", top < 0.1 * seen.height);
    box.classList.toggle("right", left + across / 2 > 0.6 * seen.width);
    Object.assign(box.style, {
      left: `${(100 * left) / seen.width}%`,
      top: `${(100 * top) / seen.height}%`,
      width: `${(100 * across) / seen.width}%`,
      height: `${(100 * down) / seen.height}%`,
    });
    layer.append(box);
  }
}

// --- Words for people

function complain(text) {
  put(by("problem"), text);
}

function note(text) {
  put(by("note"), text);
}

// For a screen reader. With `key`, the text is said only if the key has changed, and not too often.
function say(text, key = "") {
  const now = performance.now();
  if (key && (state.spoken[0] === key || now - state.spoken[1] < SPOKEN_EVERY)) return;
  state.spoken = [key, now];
  put(by("said"), text);
}

// --- Buttons, keys, files

async function capture() {
  if (by("capture").disabled || by("capture").hidden) return;
  const sent = { live: null, photo: state.file, camera: state.blob }[state.view];
  if (state.view !== "live" && !sent) return;
  by("capture").disabled = true;
  note("Writing");
  try {
    const { written } = await (sent ? send("capture", sent) : ask("capture", { method: "POST" }));
    note(`Captured: ${written.join(", ")}`);
  } catch (error) {
    note("");
    complain(error.message);
  }
  by("capture").disabled = false;
}

for (const view of ["live", "photo", "camera"]) by(`show-${view}`).addEventListener("click", () => show(view));
for (const id of ["choose", "choose-first"]) by(id).addEventListener("click", () => by("file").click());
by("file").addEventListener("change", () => {
  photograph(by("file").files[0]);
  by("file").value = "";
});
by("capture").addEventListener("click", capture);

document.addEventListener("keydown", (event) => {
  // On a button, a link or a field, Space keeps its own meaning.
  if (event.code !== "Space" || event.repeat || event.target.closest("button, a, input")) return;
  event.preventDefault();
  capture();
});

for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    by("frame").classList.toggle("over", name === "dragover");
    if (name === "drop" && !by("main").hidden) photograph(event.dataTransfer.files[0]);
  });
}

// A page that nobody sees needs no pictures: the device may rest.
document.addEventListener("visibilitychange", () => {
  if (document.hidden && state.view !== "photo") stop();
  else if (!document.hidden && state.view !== "photo" && state.view) show(state.view);
});

new ResizeObserver(() => state.again && state.again()).observe(by("frame"));

start();
