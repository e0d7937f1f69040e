//! Switches the protocol files compiled here to the loom face of `shim.rs`.
fn main() {
    println!("cargo::rustc-check-cfg=cfg(raddle_loom)");
    println!("cargo::rustc-cfg=raddle_loom");
    println!("cargo::rerun-if-changed=build.rs");
}
