/** All of the browser's part: passkeys, values hidden until pressed and gone after a minute, what a form takes. */

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

/* What was chosen is asked for before the form goes: one that comes back is empty. */
for (const form of document.querySelectorAll("form:has([name=chosen])")) {
  const require = () => {
    const { value: chosen } = form.elements.chosen;
    for (const field of form.querySelectorAll(".chosen input, .chosen textarea, [name=subject]")) {
      field.required = field.name === "subject" ? chosen === "subject" : field.checkVisibility();
    }
    const isTicked = form.querySelector("[name=field]:checked") !== null;
    form.querySelector("[name=field]")?.setCustomValidity(isTicked ? "" : "Tick at least one.");
  };
  form.addEventListener("change", require);
  require();
}

for (const button of document.querySelectorAll("button.copy")) {
  const copied = () => button.replaceChildren("Copied");
  button.addEventListener("click", () => {
    void navigator.clipboard.writeText(button.previousElementSibling.textContent).then(copied);
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
