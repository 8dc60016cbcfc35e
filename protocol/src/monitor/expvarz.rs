//! EXPVARZ: variables of the Go runtime.

use super::EventFilterOptions;
use crate::json::{Extra, Field, RequestOptions};
use serde::{Deserialize, Serialize};

/// Options of an EXPVARZ request: the filter alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExpvarzOptions {
    /// Which servers shall answer.
    #[serde(flatten)]
    pub filter: EventFilterOptions,
    /// Unknown members, which servers ignore.
    #[serde(flatten)]
    pub extra: Extra,
}

impl RequestOptions for ExpvarzOptions {
    const GO_STRUCT: &'static str = "ExpvarzEventOptions";

    fn fields(&mut self) -> Vec<Field<'_>> {
        self.filter.embedded().collect()
    }
}

/// Data of an EXPVARZ reply.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Expvarz {
    /// Memory of the server.
    pub memstats: Box<MemStats>,
    /// Its command line, the program first.
    pub cmdline: Vec<String>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Go's `runtime.MemStats`. Sizes are in bytes unless said otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct MemStats {
    /// Live and not yet freed heap objects.
    pub alloc: u64,
    /// Allocated for heap objects since the start.
    pub total_alloc: u64,
    /// Obtained from the operating system.
    pub sys: u64,
    /// Pointer lookups; always 0.
    pub lookups: u64,
    /// Heap objects allocated since the start.
    pub mallocs: u64,
    /// Heap objects freed since the start.
    pub frees: u64,
    /// As `Alloc`.
    pub heap_alloc: u64,
    /// Heap obtained from the operating system.
    pub heap_sys: u64,
    /// Idle parts of the heap.
    pub heap_idle: u64,
    /// Parts of the heap in use.
    pub heap_inuse: u64,
    /// Returned to the operating system.
    pub heap_released: u64,
    /// Number of heap objects.
    pub heap_objects: u64,
    /// Stacks in use.
    pub stack_inuse: u64,
    /// Stacks obtained from the operating system.
    pub stack_sys: u64,
    /// Structures describing spans, in use.
    #[serde(rename = "MSpanInuse")]
    pub mspan_inuse: u64,
    /// Structures describing spans.
    #[serde(rename = "MSpanSys")]
    pub mspan_sys: u64,
    /// Caches of processors, in use.
    #[serde(rename = "MCacheInuse")]
    pub mcache_inuse: u64,
    /// Caches of processors.
    #[serde(rename = "MCacheSys")]
    pub mcache_sys: u64,
    /// Tables of profiles.
    pub buck_hash_sys: u64,
    /// Structures of the garbage collector.
    #[serde(rename = "GCSys")]
    pub gc_sys: u64,
    /// Everything else obtained from the operating system.
    pub other_sys: u64,
    /// Heap size at which the next collection begins.
    #[serde(rename = "NextGC")]
    pub next_gc: u64,
    /// When the last collection ended, in nanoseconds since 1970.
    #[serde(rename = "LastGC")]
    pub last_gc: u64,
    /// Nanoseconds of all pauses for collections.
    pub pause_total_ns: u64,
    /// Nanoseconds of the latest pauses, a ring of 256.
    pub pause_ns: Vec<u64>,
    /// When they ended, in nanoseconds since 1970, a ring of 256.
    pub pause_end: Vec<u64>,
    /// Collections.
    #[serde(rename = "NumGC")]
    pub num_gc: u64,
    /// Collections the program asked for.
    #[serde(rename = "NumForcedGC")]
    pub num_forced_gc: u64,
    /// Part of the processor time spent on collections, 0 to 1.
    #[serde(rename = "GCCPUFraction")]
    pub gc_cpu_fraction: f64,
    /// Whether collections are enabled; always true.
    #[serde(rename = "EnableGC")]
    pub enable_gc: bool,
    /// Always false.
    #[serde(rename = "DebugGC")]
    pub debug_gc: bool,
    /// Allocations by size class.
    pub by_size: Vec<SizeClass>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Default for MemStats {
    /// All counters zero, with rings and size classes of the usual lengths.
    fn default() -> Self {
        Self {
            alloc: 0,
            total_alloc: 0,
            sys: 0,
            lookups: 0,
            mallocs: 0,
            frees: 0,
            heap_alloc: 0,
            heap_sys: 0,
            heap_idle: 0,
            heap_inuse: 0,
            heap_released: 0,
            heap_objects: 0,
            stack_inuse: 0,
            stack_sys: 0,
            mspan_inuse: 0,
            mspan_sys: 0,
            mcache_inuse: 0,
            mcache_sys: 0,
            buck_hash_sys: 0,
            gc_sys: 0,
            other_sys: 0,
            next_gc: 0,
            last_gc: 0,
            pause_total_ns: 0,
            pause_ns: vec![0; Self::PAUSES],
            pause_end: vec![0; Self::PAUSES],
            num_gc: 0,
            num_forced_gc: 0,
            gc_cpu_fraction: 0.0,
            enable_gc: true,
            debug_gc: false,
            by_size: vec![],
            extra: Extra::new(),
        }
    }
}

impl MemStats {
    /// Entries of the rings of pauses.
    pub const PAUSES: usize = 256;
}

/// Allocations of one size class.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SizeClass {
    /// Largest object of the class.
    pub size: u64,
    /// Objects allocated since the start.
    pub mallocs: u64,
    /// Objects freed since the start.
    pub frees: u64,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}
