use crate::world::World;

#[test]
fn the_demo_finds_birds_and_fish_and_can_run_again() {
    let world = World::new();
    for added in ["added 82", "unchanged 82"] {
        let ran = world.well(&["demo"]);
        assert!(ran.stderr.contains(added), "{}", ran.stderr);
        assert!(ran.stderr.contains("Try next:"), "{}", ran.stderr);
        let page = world.read("clipseek-demo.html");
        assert!(page.contains("“a bird on a branch”"));
        assert_eq!(page.matches("data:image/jpeg;base64,").count(), 6 + 1 + 6);
        assert!(
            !page.contains("http"),
            "the page needs nothing from elsewhere"
        );
    }
    for (words, name) in [
        ("two dogs", "two-brown-dogs.jpg"),
        ("a bridge at night", "suspension-bridge-at-night.jpg"),
    ] {
        let best = world
            .well(&["search", words, "--format", "paths", "-k", "1"])
            .stdout;
        assert!(best.trim_end().ends_with(name), "{words}: {best}");
    }
}
