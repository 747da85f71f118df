// How the page's scripts are checked; "python3 dev.py test" installs ESLint outside the clone (see noxfile.py).
const js = require("@eslint/js");
const globals = require("globals");

module.exports = [
    {ignores: ["mutants/", "outputs/"]},
    js.configs.recommended,
    {
        languageOptions: {
            sourceType: "script",
            globals: {...globals.browser, gradioApp: "readonly", onUiLoaded: "readonly", opts: "readonly"},
        },
        linterOptions: {reportUnusedDisableDirectives: "error"},
        rules: {
            "eqeqeq": "error",
            "no-implicit-globals": "error",
            "no-shadow": "error",
            "no-var": "error",
            "prefer-const": "error",
            "prefer-template": "error",
        },
    },
    {files: ["eslint.config.cjs"], languageOptions: {sourceType: "commonjs", globals: globals.node}},
];
