/** All of the browser's part: passkeys, and values that are hidden until pressed and gone after a minute. */

for (const form of document.querySelectorAll("form[data-passkey]")) answerBefore(form);

/** The form goes once the passkey has answered. */
function answerBefore(form) {
  const { get, create } = JSON.parse(form.dataset.passkey);
  const { credentials } = navigator;
  const problem = form.querySelector("[role=alert]");
  const button = form.querySelector("button");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.hidden = true;
    button.disabled = true;
    try {
      const answer = await (get
        ? credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(get) })
        : credentials.create({
            publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(create),
          }));
      form.elements.assertion.value = JSON.stringify(answer.toJSON());
      form.submit();
    } catch {
      problem.textContent =
        "Your passkey did not answer. Nothing was done: have it at hand, and press again.";
      problem.hidden = false;
      button.disabled = false;
    }
  });
}

for (const button of document.querySelectorAll("button.reveal")) {
  const original = button.nextElementSibling;
  const name = button.textContent.replace(/^Show /, "");
  button.addEventListener("click", () => {
    original.hidden = !original.hidden;
    button.setAttribute("aria-expanded", String(!original.hidden));
    button.textContent = `${original.hidden ? "Show" : "Hide"} ${name}`;
  });
}

for (const opened of document.querySelectorAll("[data-gone-after]")) {
  const forget = () => {
    opened.replaceChildren();
    document.querySelector("[data-gone]").hidden = false;
  };
  setTimeout(forget, Number(opened.dataset.goneAfter) * 1000);
  // Also where the browser keeps the page to come back to.
  addEventListener("pagehide", forget);
}

document.querySelector("form[data-goes-on]")?.requestSubmit();
