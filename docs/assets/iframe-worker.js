// The search runs in a Worker, which browsers refuse to pages that are opened from disk. There it runs in a hidden frame
// of the page.
"use strict";

if (location.protocol === "file:") {
  const script = (frame, address) =>
    new Promise((done, failed) => {
      const element = frame.document.createElement("script");
      Object.assign(element, { src: address, onload: done, onerror: failed });
      frame.document.head.append(element);
    });

  window.Worker = class extends EventTarget {
    constructor(address) {
      super();
      const element = document.createElement("iframe");
      element.hidden = true;
      element.srcdoc = "<!doctype html><title>search</title>";
      this.frame = new Promise((ready) => {
        element.onload = async () => {
          const frame = element.contentWindow;
          frame.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
          frame.importScripts = async (...all) => {
            for (const one of all) await script(frame, one);
          };
          await script(frame, address);
          ready(frame);
        };
      });
      document.body.append(element);
    }

    async postMessage(data) {
      const frame = await this.frame;
      frame.dispatchEvent(new frame.MessageEvent("message", { data }));
    }
  };
}
