/**
 * Finds promises that nobody waits for, with TypeScript's own checker: prints them as JSON, `file:line` and text. One
 * may be left alone when its failure is heard (`catch`), or when the function says in its comment that it never rejects.
 */
import ts from "typescript";

/** A promise whose failure nobody would hear of. */
interface Floating {
  readonly place: string;
  readonly text: string;
}

const [root = "", ...files] = Deno.args;
const program = ts.createProgram(files, {
  target: ts.ScriptTarget.ESNext,
  module: ts.ModuleKind.Preserve,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  allowImportingTsExtensions: true,
  noEmit: true,
  strict: true,
  skipLibCheck: true,
  lib: ["lib.esnext.d.ts"],
  types: [],
});
const checker = program.getTypeChecker();
const found: Floating[] = [];

for (const source of program.getSourceFiles()) {
  if (source.isDeclarationFile || !source.fileName.startsWith(root)) continue;
  visit(source, source);
}
console.log(JSON.stringify(found));

function visit(node: ts.Node, source: ts.SourceFile): void {
  if (ts.isExpressionStatement(node)) look(node.expression, source);
  else if (ts.isVoidExpression(node) && !ts.isExpressionStatement(node.parent)) {
    look(node.expression, source);
  } else if (ts.isArrowFunction(node) || ts.isFunctionExpression(node)) {
    lookAtCallback(node, source);
  }
  node.forEachChild((child) => visit(child, source));
}

/** Looks at an expression whose value nobody uses. */
function look(node: ts.Expression, source: ts.SourceFile): void {
  if (ts.isParenthesizedExpression(node) || ts.isVoidExpression(node)) {
    return look(node.expression, source);
  }
  if (ts.isConditionalExpression(node)) {
    look(node.whenTrue, source);
    return look(node.whenFalse, source);
  }
  if (ts.isBinaryExpression(node)) {
    // A value that is assigned is somebody's.
    const { kind } = node.operatorToken;
    const { FirstAssignment, LastAssignment } = ts.SyntaxKind;
    return kind >= FirstAssignment && kind <= LastAssignment ? undefined : look(node.right, source);
  }
  if (isThenable(checker.getTypeAtLocation(node)) && !isHandled(node)) note(node, source);
}

/** Looks at a function whose promise the caller throws away: it is asked for one that returns nothing. */
function lookAtCallback(node: ts.ArrowFunction | ts.FunctionExpression, source: ts.SourceFile) {
  const wanted = checker.getContextualType(node)?.getCallSignatures() ?? [];
  const returnsNothing = wanted.length > 0 &&
    wanted.every((signature) =>
      (checker.getReturnTypeOfSignature(signature).flags & ts.TypeFlags.Void) !== 0
    );
  if (!returnsNothing) return;
  const own = checker.getSignatureFromDeclaration(node);
  if (own === undefined || !isThenable(checker.getReturnTypeOfSignature(own))) return;
  const { body } = node;
  if (!ts.isBlock(body) && !ts.isAwaitExpression(body) && isHandled(body)) return;
  note(node, source);
}

/** Whether a failure is heard: by `catch`, or by the second function of `then`. */
function isHandled(node: ts.Expression): boolean {
  if (ts.isAwaitExpression(node) || ts.isYieldExpression(node)) return true;
  if (!ts.isCallExpression(node)) return false;
  if (neverRejects(node)) return true;
  if (!ts.isPropertyAccessExpression(node.expression)) return false;
  const { name, expression } = node.expression;
  if (name.text === "catch") return node.arguments.length > 0;
  if (name.text === "then") return node.arguments.length > 1;
  return name.text === "finally" && isHandled(expression);
}

function neverRejects(node: ts.CallExpression): boolean {
  const declared = checker.getResolvedSignature(node)?.declaration;
  if (declared === undefined) return false;
  return ts.getJSDocCommentsAndTags(declared).some((comment) =>
    /\bnever rejects\b/i.test(comment.getText())
  );
}

function isThenable(type: ts.Type): boolean {
  if (type.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown | ts.TypeFlags.Never)) return false;
  if (type.isUnion()) return type.types.some(isThenable);
  return type.getProperty("then") !== undefined;
}

function note(node: ts.Node, source: ts.SourceFile): void {
  const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
  const text = node.getText(source).replaceAll(/\s+/g, " ").slice(0, 100);
  found.push({ place: `${source.fileName.slice(root.length)}:${line + 1}`, text });
}
