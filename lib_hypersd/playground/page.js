// The playground's page, for javascript/hypersd_panel.js; its checkpoint is always the same. page.py calls this.
window.hypersdPlayground = () => window.hypersdPanel({
    tabs: ["playground"],
    root: () => document,
    checkpoint: () => "",
    hasOther: () => false,
});
