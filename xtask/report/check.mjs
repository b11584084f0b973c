// Opens the report of ten years in Chromium: as it is read on a screen, on a telephone, at night, on
// paper, by keyboard and by a screen reader. Exits with 1 if anything is not as it should be.
//
// node check.mjs NODE_MODULES CHROMIUM KAPTURE PICTURES

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, executablePath, kapture, pictures] = process.argv.slice(2);
const require = createRequire(pathToFileURL(join(modules, "..", "check.js")));
const { chromium } = require("playwright-core");
const axe = readFileSync(join(modules, "axe-core/axe.min.js"), "utf8");

const faults = [];
const check = (holds, what) => { if (!holds) faults.push(what); };
const DAY = 86400000;
const iso = (time) => new Date(time).toISOString().slice(0, 10);

// Ten years that end yesterday: a dataset as runs over ten years would have left it. The folder of a
// short sync is the pattern for the other days.
const YEARS = 10;
const folder = mkdtempSync(join(tmpdir(), "kapture-report-"));
const run = (...args) => execFileSync(kapture, args, { cwd: folder, encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } });

function dataset() {
  run("sync", "customers/", "--sandbox", "--quiet", "--format", "ndjson", "--from", "-3d", "--to", "-2d");
  const ledger = join(folder, "customers/_kapture");
  const manifest = JSON.parse(readFileSync(join(ledger, "manifest.json"), "utf8"));
  const today = Date.parse(iso(Date.now()));
  const first = today - Math.round(YEARS * 365.25) * DAY;
  manifest.start = iso(first);
  writeFileSync(join(ledger, "manifest.json"), JSON.stringify(manifest));
  const [pattern] = readdirSync(join(ledger, "days"));
  const receipt = JSON.parse(readFileSync(join(ledger, "days", pattern), "utf8"));
  const expected = new Map();
  let number = 0;
  for (let time = first; time < today; time += DAY, number += 1) {
    const day = iso(time);
    const left = (today - time) / DAY;
    const weekend = [0, 6].includes(new Date(time).getUTCDay());
    const wave = 40 + 25 * Math.sin(number / 58) + number / 60 + ((number * 2654435761) % 97) / 4;
    const customers = number % 53 === 11 ? 0 : Math.round(weekend ? wave / 4 : wave);
    const state = left === 1 ? "open" : [417, 418, 1502, 2900].includes(number) || left === 9 ? "stale"
      : (number >= 700 && number < 712) || number === 3000 || left === 23 ? "missing" : "sealed";
    expected.set(day, { state, customers });
    rmSync(join(ledger, "days", day + ".json"), { force: true });
    rmSync(join(folder, "customers", "created_date=" + day), { recursive: true, force: true });
    if (state === "missing") continue;
    if (customers > 0 || state === "stale") {
      mkdirSync(join(folder, "customers", "created_date=" + day));
      writeFileSync(join(folder, "customers", "created_date=" + day, "customers.ndjson"), "\n".repeat(customers));
    }
    if (state === "stale") continue;
    const proof = number % 19 === 0 ? "recaptured" : number < 400 ? "inferred" : "contiguous";
    writeFileSync(join(ledger, "days", day + ".json"), JSON.stringify({
      ...receipt, day, customers, proof, state: state === "open" ? "open" : "sealed",
      bytes: customers > 0 ? customers : null, fetched: new Date(Math.min(time + DAY + 22500000, Date.now() - 60000)).toISOString(),
    }));
  }
  const log = JSON.parse(readFileSync(join(ledger, "runs.json"), "utf8"));
  const [pull] = log.runs;
  log.runs = Array.from({ length: 100 }, (_, index) => {
    const started = today - (99 - index) * DAY + 22500000;
    const failed = index % 31 === 17;
    return {
      ...pull, number: index + 3550, started: new Date(started).toISOString(), ended: new Date(started + 9000 + index * 130).toISOString(),
      customers: 60 + index, requests: 14 + index % 5, retries: failed ? 21 : 0, bytes: 80000 + index * 700, days_done: 2,
      days_failed: failed ? 1 : 0, exit_code: failed ? 5 : 0,
      drift: [
        { field: "customer.attr7", kind: "unknown field", count: 61 + index, since: iso(first) + "T06:15:00Z" },
        { field: "contact.generationDate", kind: "date given as an instant", count: 3, since: "2024-02-11T06:15:00Z" },
      ],
    };
  });
  writeFileSync(join(ledger, "runs.json"), JSON.stringify(log));
  return expected;
}

// The page, its messages and the addresses that it asks for.
async function open(browser, options, file) {
  const context = await browser.newContext({ offline: true, ...options });
  const page = await context.newPage();
  const messages = [];
  const requests = [];
  page.on("console", (message) => messages.push(message.text()));
  page.on("pageerror", (error) => messages.push(String(error)));
  page.on("request", (request) => requests.push(request.url()));
  await page.goto(pathToFileURL(file).href);
  return { context, page, messages, requests };
}

const scrolls = (page) => page.evaluate(() => {
  const root = document.documentElement;
  const wide = Array.from(document.body.querySelectorAll("*"))
    .filter((element) => !element.closest(".skip, svg") && element.getBoundingClientRect().right > root.clientWidth + 0.5);
  return root.scrollWidth > root.clientWidth || wide.length > 0
    ? wide.slice(0, 3).map((element) => element.outerHTML.slice(0, 90)) : null;
});

async function barriers(page, name) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    resultTypes: ["violations"],
  }));
  for (const violation of found.violations) {
    const nodes = violation.nodes.slice(0, 3).map((node) => node.html.slice(0, 120) + " " + node.failureSummary.replace(/\s+/g, " "));
    faults.push(`${name}: axe: ${violation.id} (${violation.nodes.length}): ${nodes.join(" | ")}`);
  }
}

// Every day, reached by keyboard from the first one, is named by date, state and count.
async function walk(page, expected) {
  await page.selectOption("#year", "");
  await page.focus("#year");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Home");
  const name = () => page.evaluate(() => document.activeElement.getAttribute("aria-label") || "");
  const step = () => page.evaluate(() => {
    // As the key would be pressed, but a thousand times as fast.
    const names = [];
    for (let before = null; before !== document.activeElement;) {
      before = document.activeElement;
      names.push(before.getAttribute("aria-label") || "");
      before.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true, cancelable: true }));
    }
    return names;
  });
  const names = await step();
  check(names.length === expected.size, `${names.length} days were reached by keyboard, of ${expected.size}`);
  [...expected].forEach(([day, { state, customers }], index) => {
    const told = names[index] || "";
    const count = state === "missing" || state === "stale" ? "" : new Intl.NumberFormat("en").format(customers);
    check(told.includes(`${day}: ${state}`) && told.includes(count), `the name of ${day} (${state}, ${customers}) is ${told}`);
  });
  // Real keys.
  const days = [...expected.keys()];
  for (const [key, moved] of [["Home", 0], ["ArrowRight", 1], ["ArrowDown", 8], ["ArrowLeft", 7], ["ArrowUp", 0], ["End", days.length - 1]]) {
    await page.keyboard.press(key);
    check((await name()).includes(days[moved]), `${key} leads to ${await name()}, not to ${days[moved]}`);
  }
  await page.keyboard.press("PageUp");
  check(/\d{4}-\d\d/.exec(await name())[0] < days[days.length - 1].slice(0, 7), `Page Up leads to ${await name()}`);
  check(await page.isVisible("#tip"), "a day that has the focus shows what it is");
  await page.keyboard.press("Escape");
  check(!(await page.isVisible("#tip")), "Escape hides the tip");
}

// What a screen reader is given.
async function accessibilityTree(page, expected) {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  const cells = nodes.filter((node) => node.role?.value === "gridcell" && /\d{4}-\d\d-\d\d/.test(node.name?.value || ""));
  check(cells.length === expected.size, `${cells.length} of ${expected.size} days are in the accessibility tree`);
}

async function forbidden(page) {
  const blocked = await page.evaluate(async () => {
    const violations = [];
    document.addEventListener("securitypolicyviolation", (event) => violations.push(event.effectiveDirective));
    const image = document.createElement("img");
    image.src = "data:image/gif;base64,R0lGODlhAQABAAAAACw=";
    const script = document.createElement("script");
    script.textContent = "window.ran = true";
    document.body.append(image, script);
    await fetch("data:text/plain,x").catch(() => {});
    await new Promise((done) => setTimeout(done, 200));
    image.remove();
    script.remove();
    return { violations, ran: window.ran === true };
  });
  check(!blocked.ran, "a script of others ran");
  for (const directive of ["img-src", "script-src-elem", "connect-src"]) {
    check(blocked.violations.includes(directive), `${directive} is not forbidden: ${blocked.violations}`);
  }
}

// The status of a destination with missing days, as a terminal shows it.
async function statusPicture(browser) {
  const name = "crm.db";
  run("sync", name, "--sandbox", "--quiet", "--from", "2024-02-01", "--to", "2024-04-17");
  run("sync", name, "--sandbox", "--quiet", "--from", "2024-04-23", "--to", "2024-06-30");
  const escape = (text) => text.replace(/[&<>]/g, (letter) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[letter]);
  const text = "$ kapture status " + name + "\n" + run("status", name);
  const marked = escape(text).replace(/x/g, (letter, at, all) => /^\d{4}-\d\d [^\n]*$/m.test(all.slice(all.lastIndexOf("\n", at) + 1).split("\n")[0]) ? "<b>x</b>" : letter);
  const context = await browser.newContext({ viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 });
  const page = await context.newPage();
  await page.setContent(`<style>body{margin:0;background:#10141b}pre{margin:0;padding:20px 24px;color:#e8edf4;font:14px/1.35 "DejaVu Sans Mono",monospace;display:inline-block}b{color:#ff8a7d}</style><pre>${marked}</pre>`);
  await page.locator("pre").screenshot({ path: join(pictures, "status.png") });
  await context.close();
}

const expected = dataset();
const file = join(folder, "report.html");
run("report", "customers/", "-o", file, "--quiet");
const bytes = readFileSync(file).length;
console.log(`the report of ${expected.size} days has ${bytes} bytes`);
check(bytes < 300000, `the report has ${bytes} bytes`);

const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  for (const [name, width, colorScheme] of [["light", 1280, "light"], ["dark", 1280, "dark"], ["narrow", 360, "light"], ["narrow-dark", 360, "dark"]]) {
    const { context, page, messages, requests } = await open(browser, { viewport: { width, height: 800 }, colorScheme, deviceScaleFactor: width < 500 ? 2 : 1 }, file);
    for (const year of [null, ""]) {
      if (year !== null) await page.selectOption("#year", year);
      const wide = await scrolls(page);
      check(wide === null, `${name}: the page is wider than ${width}: ${wide}`);
      await barriers(page, name + (year === null ? "" : ", all years"));
      if (year === null) await page.screenshot({ path: join(pictures, name + ".png"), fullPage: true });
    }
    if (name === "light") {
      await walk(page, expected);
      await accessibilityTree(page, expected);
    }
    check(messages.length === 0, `${name}: the console says ${messages.join(" | ")}`);
    check(requests.length === 1, `${name}: the page asks for ${requests.slice(1)}`);
    if (name === "dark") await forbidden(page);
    await context.close();
  }
  const { context, page } = await open(browser, { viewport: { width: 794, height: 1123 }, colorScheme: "dark" }, file);
  await page.emulateMedia({ media: "print", colorScheme: "light" });
  await page.screenshot({ path: join(pictures, "print.png"), fullPage: true });
  await page.pdf({ path: join(pictures, "print.pdf"), format: "A4", margin: { top: "15mm", bottom: "15mm", left: "12mm", right: "12mm" } });
  await context.close();
  const shown = await open(browser, { viewport: { width: 1280, height: 1010 }, colorScheme: "light" }, file);
  await shown.page.screenshot({ path: join(pictures, "report.png") });
  await shown.context.close();
  await statusPicture(browser);
} finally {
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
}
for (const fault of faults.slice(0, 40)) console.log("FAULT: " + fault);
if (faults.length > 40) console.log(`and ${faults.length - 40} more`);
process.exitCode = faults.length === 0 ? 0 : 1;
