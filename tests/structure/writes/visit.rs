//! Walks through functions, and remembers of which types their names are.

use proc_macro2::TokenStream;
use syn::{
    Attribute, BinOp, Block, Expr, ExprAssign, ExprBinary, ExprClosure, ExprMethodCall,
    ExprReference, ExprStruct, FnArg, ImplItemFn, ItemFn, ItemImpl, Local, Macro, Pat, PatIdent,
    PatType, Token,
    ext::IdentExt,
    parse::Parser,
    punctuated::Punctuated,
    visit::{self, Visit},
};

use super::{into_place, is_mutator, literal_of_state};
use crate::types::{Scope, Typed};

/// The writes of a module to what others hold.
pub fn writes(scope: Scope) -> Vec<String> {
    let items = &scope.tree.modules[scope.module].items;
    let mut writes = Writes { scope, found: Vec::new() };
    items.iter().for_each(|item| writes.visit_item(item));
    writes.found
}

struct Writes<'a> {
    scope: Scope<'a>,
    found: Vec<String>,
}

impl Writes<'_> {
    fn note(&mut self, place: &Expr) {
        into_place(&self.scope, place, &mut self.found);
    }

    /// Goes on, and forgets afterwards what names meant inside.
    fn inside(&mut self, go_on: impl FnOnce(&mut Self)) {
        let outside = self.scope.locals.clone();
        go_on(self);
        self.scope.locals = outside;
    }

    fn define(&mut self, pattern: &Pat, typed: Typed) {
        if let Pat::Ident(name) = pattern {
            self.scope.locals.insert(name.ident.unraw().to_string(), typed);
        }
    }
}

impl<'ast> Visit<'ast> for Writes<'_> {
    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let own = self.scope.of_type(self.scope.module, &item.self_ty);
        self.inside(|this| {
            this.scope.locals.insert("self".to_owned(), own);
            visit::visit_item_impl(this, item);
        });
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.inside(|this| visit::visit_item_fn(this, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.inside(|this| visit::visit_impl_item_fn(this, item));
    }

    fn visit_expr_closure(&mut self, closure: &'ast ExprClosure) {
        self.inside(|this| visit::visit_expr_closure(this, closure));
    }

    fn visit_block(&mut self, block: &'ast Block) {
        self.inside(|this| visit::visit_block(this, block));
    }

    fn visit_fn_arg(&mut self, argument: &'ast FnArg) {
        if let FnArg::Typed(argument) = argument {
            self.visit_pat_type(argument);
        }
    }

    fn visit_pat_type(&mut self, pattern: &'ast PatType) {
        visit::visit_pat_type(self, pattern);
        let typed = self.scope.of_type(self.scope.module, &pattern.ty);
        self.define(&pattern.pat, typed);
    }

    fn visit_pat_ident(&mut self, pattern: &'ast PatIdent) {
        self.scope.locals.insert(pattern.ident.unraw().to_string(), Typed::Unknown);
    }

    fn visit_local(&mut self, local: &'ast Local) {
        // What is assigned is made before its name means anything else.
        let init = local.init.as_ref();
        let typed = init.map_or(Typed::Unknown, |init| self.scope.of_expr(&init.expr));
        if let Some(init) = init {
            self.visit_expr(&init.expr);
            init.diverge.iter().for_each(|(_, other)| self.visit_expr(other));
        }
        self.visit_pat(&local.pat);
        self.define(&local.pat, typed);
    }

    fn visit_expr_assign(&mut self, assign: &'ast ExprAssign) {
        self.note(&assign.left);
        visit::visit_expr_assign(self, assign);
    }

    fn visit_expr_binary(&mut self, binary: &'ast ExprBinary) {
        if is_assignment(&binary.op) {
            self.note(&binary.left);
        }
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_reference(&mut self, reference: &'ast ExprReference) {
        if reference.mutability.is_some() {
            self.note(&reference.expr);
        }
        visit::visit_expr_reference(self, reference);
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        if is_mutator(&self.scope, call) {
            self.note(&call.receiver);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_struct(&mut self, literal: &'ast ExprStruct) {
        let found = literal_of_state(&self.scope, &literal.path);
        self.found.extend(found);
        visit::visit_expr_struct(self, literal);
    }

    fn visit_macro(&mut self, item: &'ast Macro) {
        for expr in expressions(item.tokens.clone()) {
            self.visit_expr(&expr);
        }
    }

    fn visit_attribute(&mut self, _: &'ast Attribute) {}
}

/// What is given to a macro, if it is a list of expressions.
fn expressions(tokens: TokenStream) -> Punctuated<Expr, Token![,]> {
    Punctuated::parse_terminated.parse2(tokens).unwrap_or_default()
}

/// Whether it is `+=` or the like.
fn is_assignment(operator: &BinOp) -> bool {
    matches!(
        operator,
        BinOp::AddAssign(_)
            | BinOp::SubAssign(_)
            | BinOp::MulAssign(_)
            | BinOp::DivAssign(_)
            | BinOp::RemAssign(_)
            | BinOp::BitXorAssign(_)
            | BinOp::BitAndAssign(_)
            | BinOp::BitOrAssign(_)
            | BinOp::ShlAssign(_)
            | BinOp::ShrAssign(_)
    )
}
