// report.js TOTALS PAGE: a page with a list. Needs nothing but node.
const fs = require("fs")

const context = JSON.parse(fs.readFileSync(process.env.LATEWOOD_CONTEXT, "utf8"))
const say = (message) => fs.appendFileSync(process.env.LATEWOOD_MESSAGES, JSON.stringify(message) + "\n")

const [totals, page] = process.argv.slice(2)
const rows = fs.readFileSync(totals, "utf8").trim().split("\n").map((line) => JSON.parse(line))
const escaped = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)

const items = rows.map((row) => `<li>${escaped(row.product)}: ${row.pieces}</li>`)
fs.writeFileSync(page, `<h1>${escaped(context.parameters.title)}</h1>\n<ul>\n${items.join("\n")}\n</ul>\n`)

const pieces = rows.reduce((sum, row) => sum + row.pieces, 0)
say({ type: "check", check: "something_sold", passed: pieces > 0, metadata: { pieces } })
say({ type: "materialization", metadata: { products: rows.length, pieces } })
say({ type: "log", message: `${rows.length} products` })
