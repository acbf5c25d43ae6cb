// pages.mjs - the dashboard in a real browser: BASE PASSWORD [FOLDER for pictures]. TAP on stdout; "STOP" and "START" on
// it ask whoever runs this to do that to the server, and wait for a line on stdin.
// What a console or the content policy says of a page is a failure of that page.
import { createRequire } from "node:module";
const require = createRequire(`${process.env.BROWSER_MODULES}/`);
const { chromium } = require("playwright-core");
const axe = require.resolve("axe-core");
const [base, password, folder] = process.argv.slice(2);
const WIDTHS = folder ? [1440, 768, 360] : [1440, 360];
const SCHEMES = folder ? ["light", "dark"] : ["light"];
let count = 0, failures = 0;
const ok = (good, name, detail = "") => {
  count++;
  if (!good) failures++;
  console.log(`${good ? "ok" : "not ok"} ${count} - ${name}`);
  if (!good && detail) console.error(`# ${String(detail).slice(0, 1500)}`);
};

// One line of stdin: it is done.
const lines = require("node:readline").createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const line = () => lines.next();

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
for (const colorScheme of SCHEMES) {
  const context = await browser.newContext({ colorScheme, bypassCSP: false });
  const page = await context.newPage();
  page.setDefaultTimeout(10000);
  let troubles = [];
  page.on("console", (message) => { if (message.type() === "error" && !/401|net::ERR/.test(message.text())) troubles.push(message.text()); });
  page.on("pageerror", (error) => troubles.push(error.message));
  await page.goto(base);
  await page.fill("input[name=password]", "wrong wrong wrong");
  await page.click("button[type=submit]");
  await page.waitForSelector("[role=alert] .badge");
  ok(/wrong/.test(await page.textContent("[role=alert]")), `${colorScheme}: a wrong password is said`);
  if (folder) await page.screenshot({ path: `${folder}/login-${colorScheme}.png` });
  await page.fill("input[name=password]", password);
  await page.click("button[type=submit]");
  await page.waitForSelector("nav");
  const { artifacts } = await page.evaluate(() => fetch("api/v1/artifacts?limit=60").then((answer) => answer.json()));
  const { runs } = await page.evaluate(() => fetch("api/v1/runs?limit=5").then((answer) => answer.json()));
  const pages = { overview: "overview", backups: "backups", backup: `backup/${artifacts[0].id}`, odd: `backup/${(artifacts.find((one) => /</.test(one.database)) ?? artifacts[0]).id}`, jobs: "jobs", stores: "stores", activity: "activity", run: `run/${runs[0].id}` };
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 });
    for (const [name, path] of Object.entries(pages)) {
      troubles = [];
      await page.goto(`${base}/#/${path}`);
      await page.waitForSelector(".page h1", { timeout: 10000 }).catch(() => troubles.push(`no heading on ${name}`));
      await page.waitForTimeout(150);
      if (await page.$(".note.broken") && name !== "backup" && name !== "odd") troubles.push(await page.textContent(".note.broken"));
      if (await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)) troubles.push("wider than the window");
      if (/^[12]$/.test(await page.title())) troubles.push("a name became a program");
      ok(troubles.length === 0, `${name} at ${width}, ${colorScheme}: no error, nothing too wide`, troubles.join("; "));
      if (folder) await page.screenshot({ path: `${folder}/${name}-${width}-${colorScheme}.png`, fullPage: width !== 768 });
      else if (width === 1440) {
        // axe is brought by the browser's own tools: a script of the page would be refused by its policy.
        await page.evaluate(require("node:fs").readFileSync(axe, "utf8"));
        const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
        const serious = violations.filter((one) => ["serious", "critical"].includes(one.impact));
        ok(serious.length === 0, `${name}: axe finds nothing serious`, JSON.stringify(serious.map((one) => [one.id, one.nodes.slice(0, 3).map((node) => node.html)])));
      }
    }
  }
  if (!folder) {
    await page.setViewportSize({ width: 1440, height: 900 });
    const before = (await page.evaluate(() => fetch("api/v1/artifacts?limit=1").then((answer) => answer.json()))).total;
    await page.goto(`${base}/#/jobs`);
    await page.click("tr:has-text('events') button");
    await page.waitForFunction((known) => fetch("api/v1/artifacts?limit=1&status=complete").then((answer) => answer.json()).then((list) => list.total >= 1 && list.artifacts[0].status === "complete" && list.total), before, { timeout: 20000 });
    const after = await page.waitForFunction((known) => fetch("api/v1/artifacts?limit=1").then((answer) => answer.json()).then((list) => list.total > known ? list.total : 0), before, { timeout: 20000 }).catch(() => null);
    ok(Boolean(after), "a job that is run in the browser makes a backup");
    const other = await context.newPage();
    await other.goto(`${base}/#/overview`);
    ok(Boolean(await other.waitForSelector(".page h1")), "a second tab is logged in as well");
    console.log("STOP");
    await line();
    await page.goto(`${base}/#/activity`).catch(() => {});
    ok(Boolean(await other.waitForSelector(".offline, .note.broken", { timeout: 25000 }).catch(() => null)), "a page says that the server is away");
    ok(Boolean(await other.$(".page table")), "and keeps what it had read");
    console.log("START");
    await line();
    // Who was logged in is forgotten by a new process: both tabs ask for the password again.
    ok(Boolean(await other.waitForSelector("input[name=password]", { timeout: 25000 }).catch(() => null)), "the server is back: the page finds it by itself");
    await other.fill("input[name=password]", password);
    await other.click("button[type=submit]");
    ok(Boolean(await other.waitForSelector(".page h1")), "and goes on after the password");
    await page.goto(`${base}/#/jobs`);
    await page.reload();
    await page.waitForSelector("nav");
    await page.click("text=Log out");
    await page.waitForSelector("input[name=password]");
    ok(true, "logged out");
  }
  await context.close();
}
await browser.close();
console.log(`1..${count}`);
process.exit(failures ? 1 : 0);
