//! The modules of the crate: which file each is in, what it defines and what it imports.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use syn::{
    Item, ItemMod, ItemUse, UseTree,
    ext::IdentExt,
    visit::{self, Visit},
};

use crate::{source::Source, strip};

pub const ROOT: &str = "src/lib.rs";

pub type ModuleId = usize;

/// Something that a module defines: its name alone may occur in several.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId {
    pub module: ModuleId,
    pub name: String,
}

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Module(ModuleId),
    Item(ItemId),
}

pub struct Module {
    pub file: String,
    pub parent: Option<ModuleId>,
    /// Without tests, and without the inline modules, which are modules of their own.
    pub items: Vec<Item>,
    pub defined: BTreeSet<String>,
    children: BTreeMap<String, ModuleId>,
    imports: Vec<Import>,
}

/// One name that a `use` brings in, those in bodies of functions among them.
#[derive(Debug)]
pub struct Import {
    pub path: Vec<String>,
    /// What it is called here; `None` for all names of a module.
    pub name: Option<String>,
}

pub struct Tree {
    pub modules: Vec<Module>,
}

impl Tree {
    /// Follows the modules from the crate's root. What only tests reach is not in it.
    pub fn of(source: &Source) -> Self {
        let mut tree = Self { modules: Vec::new() };
        tree.add_file(source, ROOT, None, "src");
        tree
    }

    /// Adds a module that is a file, or fails if there is none; its children without a path of their own are in `folder`.
    fn add_file(
        &mut self,
        source: &Source,
        path: &str,
        parent: Option<ModuleId>,
        folder: &str,
    ) -> ModuleId {
        let text = source.text(path).unwrap_or_else(|| {
            let from = parent.map_or("the crate", |parent| &self.modules[parent].file);
            panic!("{from} needs {path}, which is not there")
        });
        let mut file = syn::parse_file(text).unwrap_or_else(|e| panic!("{path}: {e}"));
        strip::strip(&mut file);
        self.add(source, path, parent, folder, file.items)
    }

    fn add(
        &mut self,
        source: &Source,
        file: &str,
        parent: Option<ModuleId>,
        folder: &str,
        items: Vec<Item>,
    ) -> ModuleId {
        let id = self.modules.len();
        let (modules, items): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|item| matches!(item, Item::Mod(_)));
        self.modules.push(Module {
            file: file.to_owned(),
            parent,
            defined: items.iter().filter_map(defined_name).collect(),
            imports: imports(&items),
            items,
            children: BTreeMap::new(),
        });
        for module in modules {
            if let Item::Mod(module) = module {
                self.add_child(source, id, folder, module);
            }
        }
        id
    }

    fn add_child(&mut self, source: &Source, parent: ModuleId, folder: &str, module: ItemMod) {
        let name = module.ident.unraw().to_string();
        let file = self.modules[parent].file.clone();
        let inside = format!("{folder}/{name}");
        let child = match (module.content, path_attribute(&module.attrs)) {
            (Some((_, items)), _) => self.add(source, &file, Some(parent), &inside, items),
            (None, Some(path)) => {
                let path = beside(&file, &path);
                let folder = folder_of(&path);
                self.add_file(source, &path, Some(parent), &folder)
            }
            (None, None) => {
                let old = format!("{inside}/mod.rs");
                let new = format!("{inside}.rs");
                let path = if source.text(&old).is_some() { old } else { new };
                self.add_file(source, &path, Some(parent), &inside)
            }
        };
        self.modules[parent].children.insert(name, child);
    }

    pub fn file_of(&self, item: &ItemId) -> &str {
        &self.modules[item.module].file
    }

    /// What a path means in a module. `None`: something of another crate, of a language's own, or a
    /// name that only its surroundings know, such as a variable's.
    pub fn resolve(&self, from: ModuleId, path: &[String]) -> Option<Target> {
        self.follow(from, path, &mut HashSet::new())
    }

    fn follow<'a>(
        &'a self,
        from: ModuleId,
        path: &'a [String],
        seen: &mut Seen<'a>,
    ) -> Option<Target> {
        let (first, mut rest) = path.split_first()?;
        let mut at = match first.as_str() {
            "crate" => Target::Module(0),
            "self" => Target::Module(from),
            "super" => Target::Module(self.modules[from].parent?),
            name => self.look_up(from, name, !rest.is_empty(), seen)?,
        };
        while let (Target::Module(module), Some((name, after))) = (&at, rest.split_first()) {
            at = match name.as_str() {
                "super" => Target::Module(self.modules[*module].parent?),
                name => self.look_up(*module, name, !after.is_empty(), seen)?,
            };
            rest = after;
        }
        Some(at)
    }

    /// A module and an item may share a name: `leads_on` says that more of the path follows.
    fn look_up<'a>(
        &'a self,
        module: ModuleId,
        name: &'a str,
        leads_on: bool,
        seen: &mut Seen<'a>,
    ) -> Option<Target> {
        // Globs may lead in circles, and a name may be that of the crate it is imported from.
        if !seen.insert((module, name, leads_on)) {
            return None;
        }
        let here = &self.modules[module];
        let child = here.children.get(name).map(|child| Target::Module(*child));
        let item = || Target::Item(ItemId { module, name: name.to_owned() });
        let item = here.defined.contains(name).then(item);
        let own = if leads_on { child.or(item) } else { item.or(child) };
        let mut named = here.imports.iter().filter(|i| i.name.as_deref() == Some(name));
        let mut globs = here.imports.iter().filter(|i| i.name.is_none());
        if let Some(target) =
            own.or_else(|| named.find_map(|import| self.follow(module, &import.path, seen)))
        {
            return Some(target);
        }
        globs.find_map(|glob| match self.follow(module, &glob.path, seen)? {
            Target::Module(all) => self.look_up(all, name, leads_on, seen),
            Target::Item(_) => None,
        })
    }

    /// Whether `inner` is `outer` or below it.
    pub fn is_within(&self, inner: ModuleId, outer: ModuleId) -> bool {
        let mut at = Some(inner);
        while let Some(module) = at {
            if module == outer {
                return true;
            }
            at = self.modules[module].parent;
        }
        false
    }
}

type Seen<'a> = HashSet<(ModuleId, &'a str, bool)>;

pub fn names(path: &syn::Path) -> Vec<String> {
    path.segments.iter().map(|segment| segment.ident.unraw().to_string()).collect()
}

fn defined_name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.unraw().to_string())
}

fn imports(items: &[Item]) -> Vec<Import> {
    struct Imports(Vec<Import>);
    impl Visit<'_> for Imports {
        fn visit_item_use(&mut self, item: &ItemUse) {
            if item.leading_colon.is_none() {
                flatten(&item.tree, &mut Vec::new(), &mut self.0);
            }
        }
    }
    let mut found = Imports(Vec::new());
    items.iter().for_each(|item| visit::visit_item(&mut found, item));
    found.0
}

/// Lists the names of a `use`, one by one.
pub fn flatten(tree: &UseTree, prefix: &mut Vec<String>, into: &mut Vec<Import>) {
    match tree {
        UseTree::Path(path) => {
            prefix.push(path.ident.unraw().to_string());
            flatten(&path.tree, prefix, into);
            prefix.pop();
        }
        UseTree::Group(group) => {
            group.items.iter().for_each(|tree| flatten(tree, prefix, into));
        }
        UseTree::Glob(_) => into.push(Import { path: prefix.clone(), name: None }),
        UseTree::Name(name) => into.push(import(prefix, &name.ident, None)),
        UseTree::Rename(name) => into.push(import(prefix, &name.ident, Some(&name.rename))),
    }
}

fn import(prefix: &[String], name: &syn::Ident, rename: Option<&syn::Ident>) -> Import {
    let mut path = prefix.to_vec();
    // `{self}` is what stands before it.
    if name != "self" || path.is_empty() {
        path.push(name.unraw().to_string());
    }
    let name = rename.map(|name| name.unraw().to_string()).or_else(|| path.last().cloned());
    Import { path, name }
}

fn path_attribute(attributes: &[syn::Attribute]) -> Option<String> {
    let path = attributes.iter().find(|attribute| attribute.path().is_ident("path"))?;
    let syn::Meta::NameValue(pair) = &path.meta else { return None };
    let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &pair.value else {
        return None;
    };
    Some(text.value())
}

/// A path relative to the folder of a file.
fn beside(file: &str, path: &str) -> String {
    let mut parts: Vec<_> = file.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Where the children are of a file that a `#[path]` names: beside it, as those of a `mod.rs`.
fn folder_of(file: &str) -> String {
    file.rsplit_once('/').map_or_else(String::new, |(folder, _)| folder.to_owned())
}
