//! Which slot sizes the task pages come in.

/// Slot sizes in bytes: fine steps where tasks are many, so that a sleeping one wastes little.
pub(crate) const SIZES: [u16; 20] =
    [128, 144, 160, 176, 192, 224, 256, 320, 384, 448, 512, 640, 768, 1024, 1280, 1536, 2048, 2560, 3072, 4096];

/// The biggest slot; a future that does not fit is boxed.
pub(crate) const MAX_SIZE: usize = 4096;

/// Every slot starts at a multiple of this.
pub(crate) const SLOT_ALIGN: usize = 16;

/// The index of the smallest class that holds `size` bytes. Const, so that `create` knows it at compile time.
pub(crate) const fn class_of(size: usize) -> usize {
    assert!(size <= MAX_SIZE);
    let mut class = 0;
    while (SIZES[class] as usize) < size {
        class += 1;
    }
    class
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_gets_the_tightest_class() {
        for size in 1..=MAX_SIZE {
            let class = class_of(size);
            assert!(SIZES[class] as usize >= size);
            assert!(class == 0 || (SIZES[class - 1] as usize) < size);
        }
    }

    #[test]
    fn sizes_keep_the_alignment() {
        assert!(SIZES.iter().all(|size| usize::from(*size).is_multiple_of(SLOT_ALIGN)));
    }
}
