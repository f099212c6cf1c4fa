//! Stores where nothing can be written, or no more.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::hub_models::tiny;
use crate::lasting::many;
use crate::world::World;

const PICTURES: [&str; 3] = ["two-perch.jpg", "stone-windmill.jpg", "angel-shark.jpg"];

/// A file system in memory, as the store of a world; `None` where this user may not mount.
struct SmallDisk<'a> {
    world: &'a World,
}

impl<'a> SmallDisk<'a> {
    fn of(world: &'a World, size: &str) -> Option<SmallDisk<'a>> {
        let store = world.path("store");
        std::fs::create_dir_all(&store).unwrap();
        let is_mounted = mount(&["-t", "tmpfs", "-o", size, "tmpfs"], &store);
        if !is_mounted {
            eprintln!("nothing was tested: this user may not mount a file system in memory");
        }
        is_mounted.then_some(SmallDisk { world })
    }

    fn remount(&self, option: &str) {
        let option = format!("remount,{option}");
        assert!(mount(&["-o", &option], &self.world.path("store")));
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let store = self.world.path("store");
        let _ = Command::new("umount").arg("-l").arg(store).status();
    }
}

fn mount(arguments: &[&str], place: &Path) -> bool {
    let mut command = Command::new("mount");
    command.args(arguments).arg(place).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[test]
fn a_read_only_store_is_searched() {
    let world = World::new();
    let Some(disk) = SmallDisk::of(&world, "size=64m") else {
        return;
    };
    world.copy_pictures(&PICTURES);
    world.well(&["add", "pictures", "--model", "mini"]);
    disk.remount("ro");
    for arguments in [
        &["search", "two fish", "--format", "paths"][..],
        &["search", "--keywords", "perch", "--format", "paths"],
    ] {
        let found = world.well(arguments);
        assert!(
            found.lines()[0].ends_with("two-perch.jpg"),
            "{}",
            found.stdout
        );
    }
    world.well(&["collection", "check"]);
    world.well(&["collection", "list"]);
    world.copy_pictures(&["astronaut.jpg"]);
    for arguments in [
        &["add", "pictures"][..],
        &["collection", "delete", "default", "--yes"],
        &["collection", "check", "--repair"],
    ] {
        let said = world.fails(arguments);
        assert!(said.contains("--store DIR"), "{said}");
    }
    disk.remount("rw");
    world.well(&["add", "pictures"]);
    world.well(&["collection", "check"]);
}

#[test]
fn a_full_disk_loses_nothing() {
    let world = World::new();
    let Some(disk) = SmallDisk::of(&world, "size=400k") else {
        return;
    };
    many(&world, 1000);
    let model = tiny();
    let add = ["add", "many.csv", "--model", model.to_str().unwrap()];
    let said = world.fails(&add);
    assert!(said.contains("free some space"), "{said}");
    disk.remount("size=64m");
    world.well(&add);
    world.well(&["collection", "check"]);
    let info = world.well(&["collection", "info", "--format", "json"]);
    assert_eq!(info.json()["pictures"], 1000);
}

#[test]
fn a_store_is_not_made_to_look_into_it() {
    let world = World::new();
    for arguments in [
        &["search", "dog"][..],
        &["collection", "list"],
        &["collection", "check"],
        &["collection", "forget", "x"],
    ] {
        let said = world.fails(arguments);
        assert!(said.contains("no collections in"), "{said}");
        assert!(!world.path("store").exists(), "{arguments:?}");
    }
}
