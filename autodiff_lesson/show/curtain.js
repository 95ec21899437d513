// A widget that shows nothing: it hides what stands in for the widgets around it.

export default { render: ({ model }) => takeOver(model.get("key")) };
