"use strict";
const WORDS = {
  en: {
    title: "What does the photograph show?", drop: "Drop a photograph here, paste one, or", choose: "Choose a photograph",
    limits: (mb) => `JPEG, PNG, WebP, BMP, TIFF or GIF, up to ${mb} MB.`, key: "Key of this service",
    keyHint: "It is kept until this tab is closed, and goes to this service only.", judging: "Looking at the photograph …",
    looksLike: "It looks most like", why: "Why?", docs: "For programs", kept: "The photograph goes to this service only and is not kept.",
    theme: { auto: "Colours: as the system", light: "Colours: light", dark: "Colours: dark" }, themeLabel: "Change the colours",
    photograph: "The photograph that was sent", map: (c, a) => `Heat map: orange speaks for ${c}, blue for ${a}`,
    verdict: { in_domain: "Known", unsure: "Not sure", ood: "Unlike anything known" },
    reason: {
      none: "It is like the photographs that the model was trained on, and one class stands out.",
      quality: "The photograph itself is worse than those that the model was trained on: take another, sharper or in better light.",
      far: "It lies far from every object that the model knows; the class named is a guess.",
      near_class: "It is near to objects that the model knows, and unusual all the same; it may be of a kind that was never shown.",
      ambiguous: "It is like objects that the model knows, but not clearly of one class.",
    },
    set: (names) => names.length ? `Classes that remain possible: ${names.join(", ")}.` : "No class remains possible.",
    setFar: (names) => names.length ? `Were it of a known class: ${names.join(", ")}.` : "",
    others: (n) => `${n} other classes`, explaining: "Looking for where the evidence lies; the first time takes some seconds …",
    mapText: (e) => `Orange speaks for ${e.predicted_class}, blue for ${e.against}; the strongest place of this photograph is the strongest colour. `
      + `The map explains a simpler head that names the same class as the model on ${percent(e.heat_map.agreement)} of ${e.heat_map.photographs} photographs `
      + `(of ${e.heat_map.objects} objects; 95 % interval ${percent(e.heat_map.agreement_low)} to ${percent(e.heat_map.agreement_high)}). `
      + (e.heat_map.trusted ? "" : "That is too rare for the map to be believed."),
    noMap: "There is no heat map of this model: ",
    near: (e) => `The training objects that look most like it: ${counted(e.nearest)}. It is closer to the first than ${percent(e.farther)} `
      + `of ${e.objects} training objects are to their own nearest.`
      + (e.nearest.some((one) => one.picture) ? "" : " Their pictures are not kept with the model."),
    example: (label) => `A training photograph of ${label}`,
    noWhy: "Why the model says so cannot be shown: ",
    large: (mb) => `The file is larger than ${mb} MB: send a smaller one.`, noImage: "That is no file of a photograph: choose a JPEG or PNG, say.",
    silent: "The service does not answer: check the network and try again.", problem: {},
  },
  th: {
    title: "ภาพนี้คืออะไร", drop: "ลากภาพถ่ายมาวางที่นี่ วางจากคลิปบอร์ด หรือ", choose: "เลือกภาพถ่าย",
    limits: (mb) => `JPEG, PNG, WebP, BMP, TIFF หรือ GIF ขนาดไม่เกิน ${mb} MB`, key: "คีย์ของบริการนี้",
    keyHint: "คีย์จะถูกเก็บไว้จนกว่าจะปิดแท็บนี้ และส่งไปยังบริการนี้เท่านั้น", judging: "กำลังดูภาพถ่าย …",
    looksLike: "คล้ายกับประเภทนี้มากที่สุด", why: "เพราะอะไร", docs: "สำหรับนักพัฒนา", kept: "ภาพถ่ายถูกส่งไปยังบริการนี้เท่านั้น และไม่ถูกเก็บไว้",
    theme: { auto: "สี: ตามระบบ", light: "สี: สว่าง", dark: "สี: มืด" }, themeLabel: "เปลี่ยนสี",
    photograph: "ภาพถ่ายที่ส่งมา", map: (c, a) => `แผนที่ความร้อน: สีส้มสนับสนุน ${c} สีน้ำเงินสนับสนุน ${a}`,
    verdict: { in_domain: "รู้จัก", unsure: "ไม่แน่ใจ", ood: "ไม่เหมือนสิ่งที่รู้จัก" },
    reason: {
      none: "ภาพนี้คล้ายกับภาพที่ใช้ฝึกแบบจำลอง และมีประเภทหนึ่งที่เด่นชัด",
      quality: "คุณภาพของภาพถ่ายต่ำกว่าภาพที่ใช้ฝึก กรุณาถ่ายใหม่ให้คมชัดหรือมีแสงดีกว่านี้",
      far: "ภาพนี้ต่างจากวัตถุทุกชิ้นที่แบบจำลองรู้จัก ประเภทที่บอกเป็นเพียงการเดา",
      near_class: "ภาพนี้ใกล้เคียงกับวัตถุที่รู้จักแต่ก็ผิดปกติ อาจเป็นชนิดที่แบบจำลองไม่เคยเห็น",
      ambiguous: "ภาพนี้คล้ายกับวัตถุที่รู้จัก แต่ไม่ชัดว่าเป็นประเภทใดประเภทเดียว",
    },
    set: (names) => names.length ? `ประเภทที่ยังเป็นไปได้: ${names.join(", ")}` : "ไม่มีประเภทใดที่ยังเป็นไปได้",
    setFar: (names) => names.length ? `ถ้าเป็นประเภทที่รู้จัก: ${names.join(", ")}` : "",
    others: (n) => `อีก ${n} ประเภท`, explaining: "กำลังหาว่าหลักฐานอยู่ตรงไหน ครั้งแรกใช้เวลาหลายวินาที …",
    mapText: (e) => `สีส้มสนับสนุน ${e.predicted_class} สีน้ำเงินสนับสนุน ${e.against} จุดที่มีผลมากที่สุดของภาพนี้มีสีเข้มที่สุด `
      + `แผนที่นี้อธิบายแบบจำลองอย่างง่ายซึ่งให้ประเภทเดียวกับแบบจำลองจริง ${percent(e.heat_map.agreement)} ของภาพ ${e.heat_map.photographs} ภาพ `
      + `(วัตถุ ${e.heat_map.objects} ชิ้น ช่วงความเชื่อมั่น 95 %: ${percent(e.heat_map.agreement_low)} ถึง ${percent(e.heat_map.agreement_high)}) `
      + (e.heat_map.trusted ? "" : "ซึ่งน้อยเกินกว่าจะเชื่อแผนที่นี้ได้"),
    noMap: "แบบจำลองนี้ไม่มีแผนที่ความร้อน: ",
    near: (e) => `วัตถุที่ใช้ฝึกซึ่งคล้ายที่สุด: ${counted(e.nearest)} ภาพนี้ใกล้กับชิ้นแรกมากกว่าที่ ${percent(e.farther)} `
      + `ของวัตถุที่ใช้ฝึก ${e.objects} ชิ้นใกล้กับชิ้นที่ใกล้ที่สุดของมันเอง`
      + (e.nearest.some((one) => one.picture) ? "" : " ภาพของวัตถุเหล่านั้นไม่ได้เก็บไว้กับแบบจำลอง"),
    example: (label) => `ภาพที่ใช้ฝึกของ ${label}`,
    noWhy: "แสดงเหตุผลของแบบจำลองไม่ได้: ",
    large: (mb) => `ไฟล์ใหญ่กว่า ${mb} MB กรุณาส่งไฟล์ที่เล็กกว่านี้`, noImage: "ไฟล์นี้ไม่ใช่ภาพถ่าย กรุณาเลือกไฟล์ เช่น JPEG หรือ PNG",
    silent: "บริการไม่ตอบ กรุณาตรวจสอบเครือข่ายแล้วลองใหม่",
    problem: {
      "unreadable-image": "อ่านภาพไม่ได้: ไฟล์อาจเสียหายหรือไม่ครบ กรุณาลองไฟล์อื่น", "too-large": "ภาพใหญ่เกินไป กรุณาส่งภาพที่เล็กกว่านี้",
      "unknown-key": "ต้องใช้คีย์ที่ถูกต้อง กรุณาตรวจสอบคีย์หรือขอจากผู้ดูแลบริการ", "not-allowed": "คีย์นี้ใช้ทำสิ่งนี้ไม่ได้ กรุณาขอคีย์อื่นจากผู้ดูแลบริการ",
      "no-keys": "บริการนี้ยังไม่มีคีย์ จึงตอบเฉพาะเครื่องของตนเอง", "too-many-requests": "ส่งภาพถี่เกินไป กรุณารอสักครู่แล้วลองใหม่",
      "busy": "บริการมีงานมากเกินไป กรุณาลองใหม่ในอีกสักครู่", "no-model": "บริการยังไม่พร้อม กรุณาลองใหม่ในอีกสักครู่",
      "no-explanation": "แบบจำลองนี้ไม่มีข้อมูลสำหรับอธิบาย",
    },
  },
};
const SHOWN = 8, KEY = "amulet-ai-key", $ = (id) => document.getElementById(id);
const maxBytes = Number(document.body.dataset.maxBytes), asksForKey = document.body.dataset.keys === "true";
const megabytes = (maxBytes / 2 ** 20).toLocaleString("en", { maximumFractionDigits: 1 });
const percent = (share) => share > 0 && share < 0.001 ? "< 0.1 %" : share < 1 && share > 0.999 ? "> 99.9 %" : `${(100 * share).toFixed(share > 0 && share < 1 ? 1 : 0)} %`;
const state = { answer: null, explanation: null, error: null, problem: null, pending: false, turn: 0 };
let language = (kept(localStorage, "language") || navigator.language).startsWith("th") ? "th" : "en";
let theme = kept(localStorage, "theme") || "auto";
const say = () => WORDS[language];

function kept(where, name) { try { return where.getItem(name); } catch { return null; } }
function keep(where, name, value) { try { where.setItem(name, value); } catch { /* a browser that keeps nothing */ } }

function counted(nearest) {
  const counts = new Map();
  for (const one of nearest) counts.set(one.label, (counts.get(one.label) || 0) + 1);
  return [...counts].map(([label, n]) => `${n} × ${label}`).join(", ");
}

function show() {
  const words = say();
  document.documentElement.lang = language;
  document.documentElement.dataset.theme = theme;
  for (const one of document.querySelectorAll("[data-text]")) one.textContent = words[one.dataset.text];
  for (const one of $("languages").children) one.setAttribute("aria-pressed", String(one.value === language));
  $("theme").textContent = words.theme[theme];
  $("theme").title = words.themeLabel;
  $("limits").textContent = words.limits(megabytes);
  $("photograph").alt = words.photograph;
  $("busy").hidden = !state.pending;
  $("error").hidden = !state.error && !state.problem;
  $("error").firstElementChild.textContent = state.problem ? sentence(state.problem) : state.error ? state.error(words) : "";
  $("said").hidden = !state.answer;
  if (state.answer) showAnswer(words, state.answer);
  $("why").hidden = !state.answer;
  if (state.answer) showWhy(words, state.explanation);
}

function sentence(problem) {
  const kind = String(problem.type || "").split(":").pop();
  return say().problem[kind] || problem.detail || say().silent;
}

function showAnswer(words, answer) {
  $("class").textContent = answer.predicted_class;
  $("verdict").className = answer.verdict;
  $("verdict").firstElementChild.textContent = words.verdict[answer.verdict];
  $("verdict").lastElementChild.textContent = words.reason[answer.reason];
  $("detail").textContent = answer.detail;
  $("detail").hidden = !answer.detail;
  $("set").textContent = (answer.verdict === "ood" ? words.setFar : words.set)(answer.prediction_set);
  const sorted = Object.entries(answer.probabilities).sort((a, b) => b[1] - a[1]);
  const rest = sorted.slice(SHOWN);
  if (rest.length) sorted.splice(SHOWN, sorted.length, [words.others(rest.length), rest.reduce((sum, one) => sum + one[1], 0)]);
  $("bars").replaceChildren(...sorted.map(([name, share], i) => bar(name, share, i === 0)));
}

function bar(name, share, first) {
  const row = document.createElement("li"), label = document.createElement("span"), value = document.createElement("output");
  const track = document.createElement("i"), fill = document.createElement("b");
  row.className = first ? "first" : "";
  label.textContent = name;
  value.textContent = percent(share);
  fill.style.width = `${100 * share}%`;
  track.append(fill);
  row.append(label, value, track);
  return row;
}

function showWhy(words, found) {
  const drawn = Boolean(found && found.picture);
  $("map").hidden = !drawn;
  $("near").textContent = "";
  $("examples").replaceChildren(...(found && found.success ? found.nearest.filter((one) => one.picture).map(example) : []));
  if (found === null) $("mapText").textContent = words.explaining;
  else if (!found.success) $("mapText").textContent = words.noWhy + sentence(found);
  else {
    if (drawn && $("map").src !== found.picture) $("map").src = found.picture;
    $("map").alt = words.map(found.predicted_class, found.against);
    $("mapText").textContent = drawn ? words.mapText(found) : words.noMap + found.no_map;
    $("near").textContent = found.nearest.length ? words.near(found) : "";
  }
}

function example(one) {
  const item = document.createElement("li"), picture = document.createElement("img");
  picture.src = one.picture;
  picture.alt = say().example(one.label);
  item.append(picture, one.label);
  return item;
}

async function ask(path, file) {
  const form = new FormData(), headers = {}, key = $("key").value.trim();
  form.append("file", file, "photograph");
  if (key) headers["X-API-Key"] = encodeURIComponent(key);
  const response = await fetch(path, { method: "POST", body: form, headers, credentials: "omit", referrerPolicy: "no-referrer" });
  if (response.status === 401) $("keys").hidden = false;
  return response.json();
}

async function judge(file) {
  const turn = ++state.turn;
  Object.assign(state, { answer: null, explanation: null, error: null, problem: null, pending: false });
  if (file.size > maxBytes) state.error = (words) => words.large(megabytes);
  else if (file.type && !file.type.startsWith("image/")) state.error = (words) => words.noImage;
  if (state.error) return show();
  state.pending = true;
  show();
  let said;
  try { said = await ask("predict/file", file); } catch { said = null; }
  if (turn !== state.turn) return;
  state.pending = false;
  if (!said) state.error = (words) => words.silent;
  else if (!said.success) state.problem = said;
  else {
    state.answer = said;
    URL.revokeObjectURL($("photograph").src);
    $("photograph").src = URL.createObjectURL(file);
  }
  show();
  if (!state.answer) return;
  let explained;
  try { explained = await ask("explain", file); } catch { explained = { success: false, type: "", detail: "" }; }
  if (turn !== state.turn) return;
  state.explanation = explained;
  show();
}

function dropped(list) { if (list && list.length) judge(list[0]); }

$("file").addEventListener("change", (event) => { dropped(event.target.files); event.target.value = ""; });
document.addEventListener("dragover", (event) => { event.preventDefault(); $("drop").classList.add("over"); });
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) $("drop").classList.remove("over"); });
document.addEventListener("drop", (event) => { event.preventDefault(); $("drop").classList.remove("over"); dropped(event.dataTransfer.files); });
document.addEventListener("paste", (event) => dropped(event.clipboardData.files));
$("languages").addEventListener("click", (event) => { if (event.target.value) { language = event.target.value; keep(localStorage, "language", language); show(); } });
$("theme").addEventListener("click", () => { theme = { auto: "light", light: "dark", dark: "auto" }[theme] || "auto"; keep(localStorage, "theme", theme); show(); });
$("key").addEventListener("change", (event) => keep(sessionStorage, KEY, event.target.value.trim()));
$("key").value = kept(sessionStorage, KEY) || "";
$("keys").hidden = !asksForKey;
show();
