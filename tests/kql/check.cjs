// Every .kql file of a folder, judged by Microsoft's own parser of the Kusto query language
// (npm: @kusto/language-service-next): syntax, names of functions, and columns, which dcr.json declares.
"use strict";
const fs = require("fs"), path = require("path"), vm = require("vm");
const [service, folder] = process.argv.slice(2);
// Two scripts made for browsers: they share the global scope.
for (const name of ["bridge.min.js", "Kusto.Language.Bridge.min.js"]) {
    vm.runInThisContext(fs.readFileSync(path.join(service, name), "utf8"), { filename: name });
}
const { GlobalState, KustoCode, Symbols } = globalThis.Kusto.Language;

/** What a workspace has once the table is made. */
function workspace(rule) {
    const columns = rule.properties.streamDeclarations["Custom-ReissueOcsf"].columns;
    const declared = columns.map(({ name, type }) => `['${name}']:${type}`).concat("TimeGenerated:datetime");
    const table = Symbols.TableSymbol.From(`(${declared.join(", ")})`).WithName("ReissueOcsf_CL");
    return GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.ctor("workspace", [table]));
}

function faults(text, globals) {
    const code = KustoCode.ParseAndAnalyze(text, globals);
    const found = code.GetDiagnostics();
    return Array.from({ length: found.Count }, (_, n) => found.getItem(n)).map((fault) => {
        const line = text.slice(0, fault.Start).split("\n").length;
        return `line ${line}: ${fault.Message}`;
    });
}

const globals = workspace(JSON.parse(fs.readFileSync(path.join(folder, "dcr.json"), "utf8")));
const files = fs.readdirSync(folder).filter((name) => name.endsWith(".kql"));
let wrong = files.length === 0;
for (const name of files) {
    const text = fs.readFileSync(path.join(folder, name), "utf8");
    const found = faults(text, globals);
    console.log(`${name}: ${found.length ? found.join("; ") : "sound"}`);
    // A judge who sees nothing at all is no judge.
    const spoil = [["status_id", "state_id"], ["tostring(", "to_text("], ["where not(", "wher not("]];
    const spoilt = spoil.map(([good, bad]) => text.replace(good, bad));
    const seen = spoilt.map((bad) => bad !== text && faults(bad, globals).length > 0);
    if (seen.includes(false)) console.log(`${name}: what is spoilt in it is not seen (${seen})`);
    wrong ||= found.length > 0 || seen.includes(false);
}
process.exit(wrong ? 1 : 0);
